import { toLadeError } from '#errors';
import type { DeadLetter, DeliveryState, JournalEntry } from '#metadata';
import type { WebhookSettings } from './settings.ts';

const MAX_REASON = 300;

type Pauses = Pick<WebhookSettings, 'backoff' | 'maxBackoff'>;

/** Time to wait after this many failures: doubled each time, and somewhere between half and all of it. */
export const pauseAfter = (attempts: number, { backoff, maxBackoff }: Pauses): number => {
  const full = Math.min(maxBackoff, backoff * 2 ** Math.min(attempts - 1, 40));
  return Math.round(full * (0.5 + Math.random() / 2));
};

const reasonOf = (error: unknown): string =>
  toLadeError(error).message.replaceAll(/\s+/g, ' ').slice(0, MAX_REASON);

/** Where a new endpoint begins. */
export const firstState = (endpoint: string, position: number): DeliveryState => ({
  endpoint,
  position,
  attempts: 0,
  nextMs: 0,
  lastError: undefined,
  lastSuccessMs: undefined,
  delivered: 0,
  buried: 0,
});

/** Entries that are sent together, and the entry that the endpoint is done with after them. */
export interface Work {
  readonly wanted: readonly JournalEntry[];
  readonly upTo: number;
}

/** What comes next of the entries: at most `batch` that are wanted; undefined when there are none at all. */
export const nextWork = (
  entries: readonly JournalEntry[],
  wants: (entry: JournalEntry) => boolean,
  batch: number,
): Work | undefined => {
  const wanted: JournalEntry[] = [];
  let upTo: number | undefined;
  for (const entry of entries) {
    if (wants(entry)) {
      if (wanted.length === batch) break;
      wanted.push(entry);
    }
    upTo = entry.id;
  }
  return upTo === undefined ? undefined : { wanted, upTo };
};

/** The state after entries were taken. */
export const afterSuccess = (state: DeliveryState, { wanted, upTo }: Work): DeliveryState => ({
  ...state,
  position: upTo,
  attempts: 0,
  nextMs: 0,
  lastError: undefined,
  lastSuccessMs: Date.now(),
  delivered: state.delivered + wanted.length,
});

/** The state after entries were not taken; with letters when they are given up. */
export const afterFailure = (
  state: DeliveryState,
  { wanted, upTo }: Work,
  { settings, error }: { readonly settings: WebhookSettings; readonly error: unknown },
): { readonly state: DeliveryState; readonly letters: readonly Omit<DeadLetter, 'id'>[] } => {
  const attempts = state.attempts + 1;
  const lastError = reasonOf(error);
  const nextMs = Date.now() + pauseAfter(attempts, settings);
  if (attempts < settings.attempts) return { state: { ...state, attempts, nextMs, lastError }, letters: [] };
  const letters = wanted.map((entry) => ({
    endpoint: settings.name,
    entry,
    attempts,
    reason: lastError,
    atMs: Date.now(),
  }));
  const buried = state.buried + wanted.length;
  return { state: { ...state, position: upTo, attempts: 0, nextMs, lastError, buried }, letters };
};
