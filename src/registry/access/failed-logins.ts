import type { Journal, NewEntry } from '#metadata';

/** Writes down who failed to log in: name, address and why, never what was shown as a secret. */
export interface FailedLogins {
  record(failure: {
    readonly name: string;
    readonly address: string;
    readonly reason: string;
    readonly client?: string | undefined;
  }): void;
}

/** Entries a minute; whoever guesses faster than this is told of by a number. */
const PER_MINUTE = 120;
const MINUTE_MS = 60_000;
const MAX_NAME = 100;

/** Into the journal, as refused, without making anybody wait; more than a bounded number a minute are only counted. */
export const createFailedLogins = (journal: Pick<Journal, 'append'>): FailedLogins => {
  let windowMs = 0;
  let written = 0;
  let untold = 0;

  const append = (entries: readonly NewEntry[]): void => void journal.append(entries).catch(() => undefined);

  const entryOf = (reason: string, cause: NewEntry['cause']): NewEntry => ({
    action: 'administer',
    outcome: 'refused',
    reason,
    cause,
  });

  return {
    record: ({ name, address, reason, client }) => {
      const nowMs = Date.now();
      if (nowMs - windowMs > MINUTE_MS) {
        if (untold > 0) append([entryOf(`${untold} more failed logins`, { actor: 'system:access' })]);
        [windowMs, written, untold] = [nowMs, 0, 0];
      }
      if (written >= PER_MINUTE) {
        untold += 1;
        return;
      }
      written += 1;
      append([entryOf(`login: ${reason}`, { actor: name.slice(0, MAX_NAME), address, client })]);
    },
  };
};
