import { setImmediate } from 'node:timers/promises';
import { apiErrors, type BuildCacheAnswer, type DiskUsageAnswer } from '#api';
import type { DaemonParts } from './types.ts';

const TYPES = ['container', 'image', 'volume', 'build-cache'];

/** The cache has no records that a client could name, so it is one row: what only the cache keeps. */
const buildCache = (bytes: number): readonly BuildCacheAnswer[] =>
  bytes === 0
    ? []
    : [
        {
          ID: 'layers',
          Type: 'regular',
          Description: 'layers that no image names',
          InUse: false,
          Shared: false,
          Size: bytes,
          CreatedAt: new Date(0).toISOString(),
          LastUsedAt: null,
          UsageCount: 0,
        },
      ];

/** GET /system/df; `types` narrows it. */
export const diskUsage = async (
  { library, engine }: DaemonParts,
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
    ...(wanted('build-cache') ? { BuildCache: buildCache(usage.otherLayersSize) } : {}),
  };
};
