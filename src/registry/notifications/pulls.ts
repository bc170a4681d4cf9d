import type { Cause, Journal, NewEntry } from '#metadata';

/** One content that was sent. */
export interface Pull {
  readonly repository: string;
  readonly digest: string;
  readonly mediaType?: string | undefined;
  readonly size: number;
  readonly tag?: string | undefined;
  readonly cause: Cause;
}

/** Takes pulls and appends them to the journal in groups. */
export interface PullRecorder extends AsyncDisposable {
  record(pull: Pull): void;
}

const FLUSH_MS = 1_000;
const GROUP = 500;
/** Beyond this many that wait for the database, pulls are not told. */
const MAX_WAITING = 20_000;

/** Appends pulls every second, or as soon as many wait. */
export const createPullRecorder = (
  journal: Pick<Journal, 'append'>,
  failed: (error: unknown) => void,
): PullRecorder => {
  let waiting: NewEntry[] = [];
  let flushing: Promise<void> | undefined;
  const append = async (): Promise<void> => {
    try {
      while (waiting.length > 0) await journal.append(waiting.splice(0, GROUP));
    } catch (error) {
      failed(error);
    } finally {
      flushing = undefined;
    }
  };
  const flush = (): Promise<void> => (flushing ??= append());
  const timer = setInterval(() => {
    if (waiting.length > 0) void flush();
  }, FLUSH_MS).unref();
  return {
    record: (pull) => {
      if (waiting.length >= MAX_WAITING) return;
      waiting.push({ action: 'pull', outcome: 'done', ...pull });
      if (waiting.length >= GROUP) void flush();
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await flushing;
      await flush();
      waiting = [];
    },
  };
};
