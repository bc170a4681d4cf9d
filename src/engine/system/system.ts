import { accountSpace } from './account.ts';
import { budgetUse } from './budget.ts';
import { checkContent } from './check.ts';
import { diskUsageOf } from './disk-usage.ts';
import { estimatePrune, pruneSystem } from './prune.ts';
import type { DiskUsage, System, SystemFacts, SystemParts } from './types.ts';

const gatherUsage = async (parts: SystemParts): Promise<DiskUsage> => {
  const [containers, volumes, buildCache] = await Promise.all([
    parts.containers.list({ all: true, size: true }),
    parts.volumes.usage(),
    parts.buildCache?.().then((cache) => cache.usage()),
  ]);
  const limit = parts.settings?.value('gc.budget');
  return diskUsageOf({
    library: parts.library.usage(),
    containers,
    volumes,
    buildCache: buildCache ?? { records: 0, bytes: 0 },
    deletions: parts.store.deletions.count(),
    budget: limit === undefined ? undefined : await budgetUse(parts, limit),
  });
};

const gatherFacts = ({ store, layers, counts }: SystemParts): SystemFacts => ({
  images: store.images.list().length,
  containers: counts(),
  layerBackend: layers.backend,
});

/** What spans rooms, over the rooms of one root. */
export const createSystem = (parts: SystemParts): System => ({
  diskUsage: () => gatherUsage(parts),
  account: () => accountSpace(parts),
  estimatePrune: (request = {}) => estimatePrune(parts, request),
  prune: (request) => pruneSystem(parts, request),
  check: (options) => checkContent(parts, options),
  facts: () => gatherFacts(parts),
});
