import type { Cause, CollectionStore, RemovalUnit } from '#metadata';
import { chunks } from './chunks.ts';
import { linkKey, unitKeys } from './known-plans.ts';
import {
  planRepositories,
  type PlannedLink,
  type PlannerDeps,
  type PlannerOptions,
  type RepositoryPlan,
} from './planner.ts';
import type { Promises } from './promises.ts';
import { restSince } from './rest.ts';
import type { RunProgress } from './types.ts';

const UNITS = 20;
const LINKS = 100;

export interface Removing {
  readonly removal: string;
  readonly collection: CollectionStore;
  readonly promises: Promises;
  readonly uploadWindowMs: number;
  /** Links made or used since then stay. */
  readonly beforeMs: number;
  readonly cause: Cause;
  /** When given, nothing else goes. */
  readonly listed: ReadonlySet<string> | undefined;
  readonly signal: AbortSignal | undefined;
  readonly counted: (progress: RunProgress & { readonly spared: number }) => void;
}

const NOTHING = { tags: 0, manifests: 0, blobs: 0, bytes: 0, spared: 0 };

const removeUnits = async (removing: Removing, units: readonly RemovalUnit[]): Promise<void> => {
  const { promises, collection, removal, uploadWindowMs, listed, cause } = removing;
  for (const chunk of chunks(units, UNITS)) {
    removing.signal?.throwIfAborted();
    const beganMs = performance.now();
    const going = chunk.filter(
      (unit) =>
        (listed === undefined || unitKeys(unit).every((key) => listed.has(key))) &&
        !unit.manifests.some(({ digest }) => promises.isPromised(unit.repository, digest, uploadWindowMs)),
    );
    const [first] = going;
    const digests = going.flatMap(({ manifests }) => manifests.map(({ digest }) => digest));
    const gone = await promises.removing(first?.repository ?? '', digests, () =>
      Promise.all(going.map((unit) => collection.removeUnit(removal, unit, cause))),
    );
    const removed = going.filter((_, index) => gone[index] === true);
    const manifests = removed.flatMap((unit) => unit.manifests);
    removing.counted({
      ...NOTHING,
      tags: removed.reduce((sum, { tags }) => sum + tags.length, 0),
      manifests: manifests.length,
      bytes: manifests.reduce((sum, { size }) => sum + size, 0),
      spared: chunk.length - removed.length,
    });
    await restSince(beganMs);
  }
};

/** Those of one reason go together. */
const removeLinks = async (
  removing: Removing,
  repository: string,
  links: readonly PlannedLink[],
): Promise<void> => {
  const { promises, collection, removal, uploadWindowMs, beforeMs, listed } = removing;
  for (const chunk of chunks(links, LINKS)) {
    removing.signal?.throwIfAborted();
    const beganMs = performance.now();
    const going = chunk.filter(
      ({ digest }) =>
        (listed === undefined || listed.has(linkKey(repository, digest))) &&
        !promises.isPromised(repository, digest, uploadWindowMs),
    );
    const digests = going.map(({ digest }) => digest);
    const reason = going[0]?.reason ?? '';
    const removed = await promises.removing(repository, digests, () =>
      collection.removeLinks(removal, { repository, digests, reason, beforeMs }),
    );
    const gone = new Set(removed);
    removing.counted({
      ...NOTHING,
      blobs: removed.length,
      bytes: going.reduce((sum, { digest, size }) => sum + (gone.has(digest) ? size : 0), 0),
      spared: chunk.length - removed.length,
    });
    await restSince(beganMs);
  }
};

const removePart = async (
  removing: Removing,
  { repository, units, links }: RepositoryPlan,
): Promise<void> => {
  await removeUnits(removing, units);
  for (const some of Map.groupBy(links, ({ reason }) => reason).values())
    await removeLinks(removing, repository, some);
};

/** Removes what a plan at this moment lists, repository by repository, in small transactions. */
export const removePlanned = async (
  deps: PlannerDeps,
  planner: PlannerOptions & { readonly repository?: string | undefined },
  removing: Removing,
): Promise<void> => {
  for await (const part of planRepositories(deps, planner)) await removePart(removing, part);
};
