import { statfsSync, type StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { budgetUse, enforceBudget } from './budget.ts';
import type { Settings } from './settings.ts';
import type { Keeper, KeeperEvent, SystemParts } from './types.ts';

/** After the last change, so that a pull of many layers is looked at once. */
const SETTLE_MS = 1000;
const TICK_MS = 5000;
const COLLECT_MS = 10 * 60 * 1000;

/** Below this much free space nothing is kept for undo: 5 % of the file system, but not more than 256 MiB. */
const LOW_SHARE = 0.05;
const LOW_BYTES = 256 * 1024 * 1024;

type Parts = Pick<SystemParts, 'store' | 'layers' | 'library' | 'buildCache' | 'root'>;

export interface KeeperOptions {
  readonly parts: Parts;
  readonly settings: Settings;
  readonly tell: (event: KeeperEvent) => void;
}

const isBelow = ({ bavail, blocks, bsize }: StatsFs): boolean =>
  bavail * bsize < Math.min(LOW_BYTES, blocks * bsize * LOW_SHARE);

const isLow = async (root: string): Promise<boolean> => isBelow(await statfs(root));

/** How long what is deleted now can be brought back, in milliseconds: not at all when the disk is nearly full. */
export const keepDeletedMs = (root: string, settings: Settings): number => {
  const keep = settings.value('undo.keep');
  return keep > 0 && isBelow(statfsSync(root)) ? 0 : keep;
};

/** What deletions keep goes when its time is over, when nothing is to be kept any more, and when the disk fills up. */
const tendDeletions = async ({ parts, settings, tell }: KeeperOptions): Promise<void> => {
  const { store, library, root } = parts;
  const next = store.deletions.nextExpiry();
  if (next === undefined) return;
  if (settings.value('undo.keep') === 0) {
    tell({ kind: 'undo', what: 'undo.keep is 0', bytes: await library.letGoDeleted('all') });
    return;
  }
  if (next <= Date.now())
    tell({ kind: 'undo', what: 'expired', bytes: await library.letGoDeleted('expired') });
  while (store.deletions.nextExpiry() !== undefined && (await isLow(root)))
    tell({ kind: 'undo', what: 'the disk is nearly full', bytes: await library.letGoDeleted('oldest') });
};

const keepBudget = async ({ parts, settings, tell }: KeeperOptions, signal: AbortSignal): Promise<void> => {
  const limit = settings.value('gc.budget');
  if (limit === undefined) return;
  const before = await budgetUse(parts, limit);
  if (before.used <= before.limit) return;
  const after = await enforceBudget(parts, limit, { signal, tell });
  if (after.used > after.limit) tell({ kind: 'over-budget', ...after });
};

/**
 * Keeps the root within its budget and gives up what can no longer be undone: at start, by timer, and when `poke`d after
 * something was added. One round at a time, in small steps beside everything else; a failure waits for the next round.
 */
export const startKeeper = (options: KeeperOptions): Keeper => {
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();
  let pending: NodeJS.Timeout | undefined;
  let collectedAt = Date.now();
  const round = async (whole: boolean): Promise<void> => {
    if (stopping.signal.aborted) return;
    await tendDeletions(options);
    if (Date.now() - collectedAt > COLLECT_MS) {
      collectedAt = Date.now();
      await options.parts.library.collect({ signal: stopping.signal });
      await keepBudget(options, stopping.signal);
    } else if (whole) await keepBudget(options, stopping.signal);
  };
  const run = (whole: boolean): Promise<void> => {
    running = running.then(() =>
      round(whole).catch((error: unknown) => {
        if (!stopping.signal.aborted) options.tell({ kind: 'failed', error });
      }),
    );
    return running;
  };
  const timer = setInterval(() => void run(false), TICK_MS).unref();
  void run(true);
  return {
    poke() {
      clearTimeout(pending);
      pending = setTimeout(() => void run(true), SETTLE_MS).unref();
    },
    settle: () => run(true),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      clearInterval(timer);
      clearTimeout(pending);
      await running;
    },
  };
};
