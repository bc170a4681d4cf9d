import type { PruneReport, PruneRequest, SystemParts } from './types.ts';

const pruneImages = async ({ library }: SystemParts, request: PruneRequest) => {
  const { removed, reclaimed } = await library.prune({ all: request.all, filters: request.filters });
  const names = removed.map((removal) => ('untagged' in removal ? removal.untagged : removal.deleted));
  return { names, reclaimed };
};

const pruneCache = async ({ buildCache }: SystemParts) =>
  buildCache === undefined ? { records: 0, bytes: 0 } : await (await buildCache()).prune();

/**
 * `docker system prune`. Filters by label are for containers, volumes and images; networks and the build cache have
 * no labels here, and are left alone when there is one.
 */
export const pruneSystem = async (parts: SystemParts, request: PruneRequest = {}): Promise<PruneReport> => {
  const filters = request.filters ?? {};
  const labelled = Object.hasOwn(filters, 'label') || Object.hasOwn(filters, 'label!');
  const containers = await parts.containers.prune(filters);
  const networks = labelled ? [] : await parts.networks.prune();
  const volumes =
    request.volumes === true ? await parts.volumes.prune(filters) : { deleted: [], spaceReclaimed: 0 };
  const images = await pruneImages(parts, request);
  const cache = labelled ? { records: 0, bytes: 0 } : await pruneCache(parts);
  await parts.library.collect();
  return {
    containers: containers.deleted,
    networks: networks.map((network) => network.name),
    volumes: volumes.deleted,
    images: images.names,
    cacheRecords: cache.records,
    reclaimed: containers.spaceReclaimed + volumes.spaceReclaimed + images.reclaimed + cache.bytes,
  };
};
