import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import { checkFilters, hasLabels, isBefore } from './filters.ts';
import { isLive, statusWord, type ContainerRecord } from './record.ts';
import { remove } from './stop.ts';
import type { Filters, PruneResult } from './types.ts';
import { nowNs } from './time.ts';

const isPrunable = (record: ContainerRecord, filters: Filters): boolean =>
  !isLive(record) &&
  statusWord(record) !== 'restarting' &&
  hasLabels(record.config.Labels, filters['label']) &&
  ((filters['label!'] ?? []).length === 0 || !hasLabels(record.config.Labels, filters['label!'])) &&
  isBefore(Date.parse(record.created), filters['until']);

/** Stopped containers that the filters accept. */
export const prunableContainers = (context: EngineContext, filters: Filters = {}): readonly Container[] => {
  checkFilters(filters, ['label', 'label!', 'until']);
  return context.containers
    .list()
    .filter((container) => !container.removing && isPrunable(container.record, filters));
};

/** Removes every stopped container that the filters accept. */
export const pruneContainers = async (
  context: EngineContext,
  filters: Filters = {},
): Promise<PruneResult> => {
  const deleted: string[] = [];
  let spaceReclaimed = 0;
  for (const container of prunableContainers(context, filters)) {
    const { bytes } = (await context.layers.snapshot(container.id)?.usage()) ?? { bytes: 0 };
    await remove(context, container);
    spaceReclaimed += bytes;
    deleted.push(container.id);
  }
  context.emit?.({
    type: 'container',
    action: 'prune',
    actor: { id: '', attributes: { reclaimed: String(spaceReclaimed) } },
    timeNs: nowNs(),
  });
  return { deleted, spaceReclaimed };
};
