import type { Journal, NewEntry } from '#metadata';

/** Writes refusals into the journal, without making anybody wait. */
export interface Refusals {
  record(entry: NewEntry): void;
}

export interface RefusalOptions {
  /** Entries that may wait for the database, and that may come at once; default 1,000. */
  readonly burst?: number | undefined;
  /** Entries a second that may come for ever; default 50. */
  readonly perSecond?: number | undefined;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: (() => number) | undefined;
}

const createBucket = ({ burst = 1000, perSecond = 50, now = () => performance.now() }: RefusalOptions) => {
  let [tokens, at] = [burst, now()];
  return (): boolean => {
    const time = now();
    tokens = Math.min(burst, tokens + ((time - at) / 1000) * perSecond);
    at = time;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
};

const dropped = (count: number): NewEntry => ({
  action: 'administer',
  outcome: 'refused',
  reason: `${count} more refusals came too fast to be recorded`,
  cause: { actor: 'system:protocol' },
});

/**
 * Entries are collected while one write is under way, and what comes faster than a flood may be written is counted and
 * told with the next entries. What the database refuses is lost: a refusal must not fail a second time.
 */
export const createRefusals = (journal: Pick<Journal, 'append'>, options: RefusalOptions = {}): Refusals => {
  const { burst = 1000 } = options;
  const take = createBucket(options);
  let waiting: NewEntry[] = [];
  let lost = 0;
  let writing = false;
  const flush = async (): Promise<void> => {
    writing = true;
    while (waiting.length > 0) {
      const batch = lost === 0 ? waiting : [...waiting, dropped(lost)];
      waiting = [];
      lost = 0;
      await journal.append(batch).catch(() => undefined);
    }
    writing = false;
  };
  return {
    record: (entry) => {
      if (waiting.length >= burst || !take()) {
        lost += 1;
        return;
      }
      waiting.push(entry);
      if (!writing) void flush();
    },
  };
};
