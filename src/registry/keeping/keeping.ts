import { setImmediate as breathe } from 'node:timers/promises';
import type { Cause, RemovalRecord } from '#metadata';
import type { RegistryStorage } from '#protocol';
import { createChecking } from './check.ts';
import { keepingErrors } from './errors.ts';
import { createKnownPlans } from './known-plans.ts';
import { makePlan } from './make-plan.ts';
import type { PlannerOptions } from './planner.ts';
import { createPromises } from './promises.ts';
import { purgeExpired, sweep } from './purge.ts';
import { createRuleOf } from './rules.ts';
import { removePlanned } from './run-plan.ts';
import type {
  Keeping,
  KeepingOptions,
  PlanOptions,
  PlannedItem,
  RemovalView,
  RunOptions,
  RunResult,
} from './types.ts';
import { linkKey, manifestKey, tagKey } from './known-plans.ts';

const HOUR_MS = 60 * 60 * 1000;
const PROMISES = 'promises';
const LAST = 'last-collection';

/** What holds where nothing else is set. */
export const KEEPING_DEFAULTS: KeepingOptions = {
  uploadWindowMs: HOUR_MS,
  undoForMs: 24 * HOUR_MS,
  uploadIdleMs: 7 * 24 * HOUR_MS,
  rules: [],
};

/** What others do for keeping. */
export interface KeepingDeps {
  /** Writes down what others remember, before rules are applied. */
  readonly settle?: (() => Promise<void>) | undefined;
  /** Whether blobs of a repository come from an upstream when they are asked for. */
  readonly covers?: ((repository: string) => boolean) | undefined;
}

/** One at a time, in the order of the calls. */
const createTurns = (): (<T>(work: () => Promise<T>) => Promise<T>) => {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const own = last.then(work, work);
    last = own.catch(() => undefined);
    return own;
  };
};

const itemKey = (item: PlannedItem): string => {
  if (item.kind === 'tag') return tagKey(item.repository, item.tag, item.digest);
  return item.kind === 'manifest'
    ? manifestKey(item.repository, item.digest)
    : linkKey(item.repository, item.digest);
};

const nameOf = (item: PlannedItem): string =>
  item.kind === 'tag'
    ? `tag ${item.repository}:${item.tag}`
    : `${item.kind} ${item.repository}@${item.digest}`;

/** Nothing was promised in a registry without content. */
const openPromises = ({ metadata }: RegistryStorage, windowMs: number) => {
  const isEmpty = metadata.collection.repositoryNames({ limit: 1, after: '' }).length === 0;
  const earlier = metadata.collection.state(PROMISES);
  return createPromises({ windowMs, earlier, startMs: isEmpty ? 0 : Date.now() });
};

/**
 * What a registry keeps and lets go. Removing has two steps: rows go, which clients see at once and which can be undone;
 * a while later bytes go. Remembers in memory what clients were promised; `[Symbol.asyncDispose]` writes that down, and a
 * registry that could not treats everything as promised when it starts.
 */
export const createKeeping = (
  storage: RegistryStorage,
  initial: KeepingOptions = KEEPING_DEFAULTS,
  { settle = () => Promise.resolve(), covers = () => false }: KeepingDeps = {},
): Keeping & AsyncDisposable => {
  const { collection } = storage.metadata;
  let options = initial;
  let ruleOf = createRuleOf(options.rules);
  const promises = openPromises(storage, options.uploadWindowMs);
  const plans = createKnownPlans();
  const inTurn = createTurns();
  const stop = new AbortController();
  const forgotten =
    collection.state(PROMISES) === undefined ? undefined : collection.setState(PROMISES, undefined);

  const plannerOf = ({
    scope = 'gc',
    signal,
    uploadWindowMs = options.uploadWindowMs,
  }: Pick<PlanOptions & RunOptions, 'scope' | 'signal' | 'uploadWindowMs'>): PlannerOptions => ({
    nowMs: Date.now(),
    uploadWindowMs,
    restoredForMs: options.undoForMs,
    isPromised: (repository, digest) => promises.isPromised(repository, digest, uploadWindowMs),
    withLinks: scope === 'gc',
    signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
  });

  const checkListed = async (id: string, run: RunOptions): Promise<ReadonlySet<string>> => {
    const listed = plans.find(id);
    if (listed === undefined) throw keepingErrors.planUnknown({ id });
    let [more, example] = [0, ''];
    const onItem = (item: PlannedItem): void => {
      if (listed.has(itemKey(item))) return;
      more += 1;
      example ||= nameOf(item);
    };
    await makePlan({ collection, ruleOf }, plannerOf(run), { repository: run.repository, onItem });
    if (more > 0) throw keepingErrors.planOutdated({ id, more, example });
    return listed;
  };

  const runNow = async (run: RunOptions): Promise<RunResult> => {
    await forgotten;
    await settle();
    const { scope = 'gc', cause, plan } = run;
    const listed = plan === undefined ? undefined : await checkListed(plan, run);
    const planner = plannerOf(run);
    const removal = await collection.beginRemoval({ kind: scope, cause });
    const total = { tags: 0, manifests: 0, blobs: 0, bytes: 0, spared: 0 };
    const finish = (): Promise<RemovalRecord | undefined> => collection.finishRemoval(removal, cause);
    try {
      await removePlanned(
        { collection, ruleOf },
        { ...planner, repository: run.repository },
        {
          removal,
          collection,
          promises,
          cause,
          listed,
          uploadWindowMs: planner.uploadWindowMs,
          beforeMs: planner.nowMs - planner.uploadWindowMs,
          signal: planner.signal,
          counted: (part) => {
            total.tags += part.tags;
            total.manifests += part.manifests;
            total.blobs += part.blobs;
            total.bytes += part.bytes;
            total.spared += part.spared;
            run.onProgress?.({ ...total });
          },
        },
      );
    } catch (error) {
      // What went wrong first says why.
      await finish().catch(() => undefined);
      throw error;
    }
    return { ...total, removal: (await finish())?.id };
  };

  const viewOf = (record: RemovalRecord): RemovalView => ({
    ...record,
    undoableUntilMs:
      record.purgedMs === undefined ? (record.finishedMs ?? Date.now()) + options.undoForMs : undefined,
  });

  const checking = createChecking({
    storage,
    covers,
    uploadWindowMs: () => options.uploadWindowMs,
    signal: stop.signal,
  });

  const self: Keeping & AsyncDisposable = {
    ...checking,
    protection: promises,
    plan: async (plan = {}) => {
      await settle();
      const made = await makePlan({ collection, ruleOf }, plannerOf(plan), plan);
      plans.remember(made.plan.id, made.keys);
      return made.plan;
    },
    run: (run) => inTurn(() => runNow(run)),
    undo: (id: string, cause: Cause) => inTurn(() => collection.undoRemoval(id, cause)),
    purge: (purge = {}) =>
      inTurn(() => {
        const beforeMs = Date.now() - (purge.undoForMs ?? options.undoForMs);
        return purgeExpired(storage, purge.undoForMs === 0 ? Number.MAX_SAFE_INTEGER : beforeMs, {
          ...purge,
          signal: purge.signal ?? stop.signal,
        });
      }),
    sweep: ({ uploadWindowMs = options.uploadWindowMs, signal = stop.signal } = {}) =>
      inTurn(() =>
        sweep(storage, {
          beforeMs: Date.now() - uploadWindowMs,
          uploadsBeforeMs: Date.now() - options.uploadIdleMs,
          signal,
        }),
      ),
    configure: (next) => {
      ruleOf = createRuleOf(next.rules);
      options = next;
      promises.configure(next.uploadWindowMs);
    },
    collect: async (cause, { signal, onProgress } = {}) => {
      await collection.setState(LAST, String(Date.now()), { durable: false });
      const ran = await inTurn(() => runNow({ cause, signal, onProgress }));
      const purged = await self.purge({ signal });
      const swept = await self.sweep({ signal });
      return { ran, purged, swept };
    },
    lastCollectionMs: () => Number(collection.state(LAST) ?? 0),
    rules: () => options.rules,
    removedItems: (id, page) => collection.removedItems(id, page),
    removals: (filter) => collection.removals(filter).map(viewOf),
    held: async () => {
      const total = { blobs: 0, bytes: 0 };
      for (let after = ''; ;) {
        const { blobs, bytes, last } = collection.heldBytes({ limit: 1000, after });
        total.blobs += blobs;
        total.bytes += bytes;
        if (last === undefined) return total;
        after = last;
        await breathe();
      }
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await inTurn(() => Promise.resolve());
      await collection.setState(PROMISES, promises.toText());
    },
  };
  return self;
};
