import { setImmediate as breathe } from 'node:timers/promises';
import type { CollectionStore, RemovalUnit } from '#metadata';
import { chunks } from './chunks.ts';
import type { Digest } from '#oci';
import { collectKeys, linkKey, unitKeys, type PlanKeys } from './known-plans.ts';
import {
  planRepositories,
  type PlannedLink,
  type PlannerDeps,
  type PlannerOptions,
  type RepositoryPlan,
} from './planner.ts';
import type { Plan, PlannedItem, PlanOptions } from './types.ts';

/** Things listed at once, before requests get their turn. */
const PIECE = 200;

/** Counts how many repositories would still have a blob. */
const createLastLinks = (collection: CollectionStore) => {
  const left = new Map<Digest, number>();
  return (links: readonly PlannedLink[]): ReadonlyMap<Digest, boolean> => {
    const counts = collection.linkCounts(links.map(({ digest }) => digest));
    return new Map(
      links.map(({ digest }) => {
        const now = (left.get(digest) ?? counts.get(digest) ?? 1) - 1;
        if (now === 0) left.delete(digest);
        else left.set(digest, now);
        return [digest, now === 0] as const;
      }),
    );
  };
};

const unitItems = ({ repository, tags, manifests }: RemovalUnit): readonly PlannedItem[] => [
  ...tags.map(({ name, digest, reason }) => ({
    kind: 'tag' as const,
    repository,
    tag: name,
    digest,
    reason,
  })),
  ...manifests.map(({ digest, size, reason }) => ({
    kind: 'manifest' as const,
    repository,
    digest,
    size,
    reason,
  })),
];

interface Lister {
  readonly keys: PlanKeys;
  readonly lastLinks: (links: readonly PlannedLink[]) => ReadonlyMap<Digest, boolean>;
}

/** The items of a part in pieces, so that no piece takes long. */
function* itemsOf(
  { repository, units, links }: RepositoryPlan,
  { keys, lastLinks }: Lister,
): Generator<readonly PlannedItem[]> {
  for (const some of chunks(units, PIECE)) {
    for (const unit of some) for (const key of unitKeys(unit)) keys.add(key);
    yield some.flatMap(unitItems);
  }
  for (const some of chunks(links, PIECE)) {
    const last = lastLinks(some);
    for (const { digest } of some) keys.add(linkKey(repository, digest));
    yield some.map(({ digest, size, reason }) => ({
      kind: 'blob' as const,
      repository,
      digest,
      size,
      reason,
      last: last.get(digest) === true,
    }));
  }
}

const tellKept = ({ repository, verdicts }: RepositoryPlan, onKept: PlanOptions['onKept']): void => {
  if (onKept === undefined || verdicts === undefined) return;
  for (const { tag, keep, reason } of verdicts.tags)
    if (keep) onKept({ kind: 'tag', repository, tag: tag.name, digest: tag.digest, reason });
  for (const { manifest, keep, reason } of verdicts.manifests)
    if (keep) onKept({ kind: 'manifest', repository, digest: manifest.digest, reason });
};

export interface MadePlan {
  readonly plan: Plan;
  readonly keys: ReadonlySet<string>;
}

/** Goes through everything and says what would go. */
export const makePlan = async (
  deps: PlannerDeps,
  planner: PlannerOptions,
  { repository, onItem, onKept, onPart }: PlanOptions,
): Promise<MadePlan> => {
  const keys = collectKeys();
  const lastLinks = createLastLinks(deps.collection);
  const totals = {
    tags: 0,
    manifests: 0,
    blobs: 0,
    bytes: 0,
    freed: 0,
    protectedBlobs: 0,
    protectedBytes: 0,
  };
  const count = (item: PlannedItem): void => {
    onItem?.(item);
    if (item.kind === 'tag') {
      totals.tags += 1;
      return;
    }
    totals.bytes += item.size;
    if (item.kind === 'manifest') totals.manifests += 1;
    else totals.blobs += 1;
    if (item.kind === 'blob' && item.last) totals.freed += item.size;
  };
  for await (const part of planRepositories(deps, { ...planner, repository })) {
    for (const items of itemsOf(part, { keys, lastLinks })) {
      for (const item of items) count(item);
      await onPart?.();
      await breathe();
    }
    tellKept(part, onKept);
    await onPart?.();
    totals.protectedBlobs += part.protectedLinks.length;
    totals.protectedBytes += part.protectedLinks.reduce((sum, { size }) => sum + size, 0);
  }
  const finished = keys.finish();
  return { plan: { id: finished.id, atMs: planner.nowMs, totals }, keys: finished.keys };
};
