import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { apiErrors, type BuildCacheAnswer, type DiskUsageAnswer } from '#api';
import { cacheAnswer } from './cache-query.ts';
import type { DaemonParts } from './types.ts';

const TYPES = ['container', 'image', 'volume', 'build-cache'];

type CacheParts = Pick<DaemonParts, 'builder' | 'library' | 'rootPath'>;

/** What builds keep; their logs are Lade's own and are left out. The builder is not loaded where nothing was built. */
const buildCache = async ({
  builder,
  library,
  rootPath,
}: CacheParts): Promise<readonly BuildCacheAnswer[]> => {
  const places = ['build-cache', 'build-sources'].map((name) => join(rootPath, name));
  if (library.holds.heldBy('build-cache').length === 0 && !places.some((place) => existsSync(place)))
    return [];
  const records = await (await builder()).records({ kinds: ['step', 'cache-mount', 'source'] });
  return records.map(cacheAnswer);
};

/** GET /system/df; `types` narrows it. */
export const diskUsage = async (
  { library, engine, builder, rootPath }: DaemonParts,
  types: readonly string[],
): Promise<Partial<DiskUsageAnswer>> => {
  const stranger = types.find((type) => !TYPES.includes(type));
  if (stranger !== undefined)
    throw apiErrors.parameterInvalid({ name: 'type', value: stranger, expected: TYPES.join(', ') });
  const wanted = (type: string): boolean => types.length === 0 || types.includes(type);
  const usage = library.usage();
  // With thousands of images each of the two takes a while; others get their turn in between.
  await setImmediate();
  return {
    LayersSize: usage.layersSize,
    ...(wanted('image') ? { Images: library.list({ all: true, shared: true }) } : {}),
    ...(wanted('container') ? { Containers: await engine.containers.list({ all: true, size: true }) } : {}),
    ...(wanted('volume') ? { Volumes: await engine.volumes.usage() } : {}),
    ...(wanted('build-cache') ? { BuildCache: await buildCache({ builder, library, rootPath }) } : {}),
  };
};
