import { join } from 'node:path';
import { allocatedBytes } from '#store';
import type { PruneReport, PruneRequest, SystemParts } from './types.ts';

const hasLabels = ({ filters = {} }: PruneRequest): boolean =>
  Object.hasOwn(filters, 'label') || Object.hasOwn(filters, 'label!');

const HELD_BY_BUILDS = ['build-cache'];

/** Bytes of what containers and volumes and builds keep outside of the store. */
const sizeOf = async (paths: readonly string[]): Promise<number> => {
  let total = 0;
  for (const path of paths) total += await allocatedBytes(path);
  return total;
};

interface Outside {
  readonly containers: readonly string[];
  readonly volumes: readonly string[];
  readonly networks: readonly string[];
  readonly paths: readonly string[];
}

/** What goes beside images: containers first, since each frees something that comes after. */
const planOutside = (parts: SystemParts, request: PruneRequest): Outside => {
  const { root } = parts;
  const labelled = hasLabels(request);
  const containers = parts.containers.prunable(request.filters ?? {});
  const { until: _until, ...filters } = request.filters ?? {};
  const volumes = request.volumes === true ? parts.volumes.prunable(filters, new Set(containers)) : [];
  const unused = labelled ? [] : parts.networks.prunable(new Set(containers));
  return {
    containers,
    volumes,
    networks: unused.map((network) => network.name),
    paths: [
      ...containers.flatMap((id) => [
        join(root, 'snapshots', id),
        join(root, 'containers', id),
        join(root, 'runtime', 'exits', id),
      ]),
      ...volumes.map((name) => join(root, 'volumes', name)),
      ...(labelled ? [] : [join(root, 'build-cache')]),
    ],
  };
};

const imageRequest = (request: PruneRequest) => ({
  all: request.all,
  filters: request.filters,
  purge: request.purge,
  cause: 'system prune',
});

const cacheRecords = async ({ buildCache }: SystemParts, labelled: boolean): Promise<number> =>
  labelled || buildCache === undefined ? 0 : (await (await buildCache()).usage()).records;

/** What `pruneSystem` would do with the same request, to the byte. */
export const estimatePrune = async (parts: SystemParts, request: PruneRequest): Promise<PruneReport> => {
  const outside = planOutside(parts, request);
  const labelled = hasLabels(request);
  const images = await parts.library.pruneOutlook({
    ...imageRequest(request),
    without: new Set(outside.containers),
    holders: labelled ? [] : HELD_BY_BUILDS,
  });
  return {
    containers: outside.containers,
    networks: outside.networks,
    volumes: outside.volumes,
    images: images.names,
    cacheRecords: await cacheRecords(parts, labelled),
    reclaimed: (await sizeOf(outside.paths)) + images.reclaimed,
    held: images.held,
  };
};

const pruneCache = async ({ buildCache }: SystemParts): Promise<number> =>
  buildCache === undefined ? 0 : (await (await buildCache()).prune()).records;

/**
 * `docker system prune`. Filters by label are for containers, volumes and images; networks and the build cache have
 * no labels here, and are left alone when there is one. What it says was freed was measured.
 */
export const pruneSystem = async (parts: SystemParts, request: PruneRequest = {}): Promise<PruneReport> => {
  const { space } = parts.store;
  const outside = planOutside(parts, request);
  const [before, freedBefore] = [await sizeOf(outside.paths), space.freedBytes()];
  const labelled = hasLabels(request);
  const { until: _until, ...filters } = request.filters ?? {};
  const containers = await parts.containers.prune(request.filters ?? {});
  const networks = labelled ? [] : await parts.networks.prune();
  const volumes = request.volumes === true ? (await parts.volumes.prune(filters)).deleted : [];
  const images = await parts.library.prune(imageRequest(request));
  const records = labelled ? 0 : await pruneCache(parts);
  await parts.library.collect();
  await space.settled();
  return {
    containers: containers.deleted,
    networks: networks.map((network) => network.name),
    volumes,
    images: images.removed.map((removal) => ('untagged' in removal ? removal.untagged : removal.deleted)),
    removals: images.removed,
    cacheRecords: records,
    reclaimed: before - (await sizeOf(outside.paths)) + space.freedBytes() - freedBefore,
    held: images.held,
  };
};
