import { toLadeError } from '#errors';
import type { DeliveryState, DeliveryStore, Journal, JournalEntry } from '#metadata';
import { createBell } from './bell.ts';
import { eventOf, type EventSource } from './event.ts';
import { createSender } from './sender.ts';
import type { WebhookSettings } from './settings.ts';
import { createFilter } from './wanted.ts';

/** What an endpoint works with. */
export interface EndpointDeps {
  readonly journal: Pick<Journal, 'entries' | 'lastId' | 'follow'>;
  readonly deliveries: DeliveryStore;
  readonly source: EventSource;
  /** Told of failures of the store; the worker goes on. */
  readonly failed: (error: unknown) => void;
}

/** One endpoint at work. Disposing it ends an attempt that runs. */
export interface Endpoint extends AsyncDisposable {
  readonly settings: WebhookSettings;
  readonly state: DeliveryState;
  /** Sends these entries now, whatever the state. @throws as the sender does */
  sendNow(entries: readonly JournalEntry[], attempt: number): Promise<{ readonly status: number }>;
}

const PAGE = 200;
/** Entries that are not wanted move the stored position only this often. */
const SAVE_EVERY = 500;
const IDLE_MS = 60 * 60 * 1000;
/** Pause after a failure of the store. */
const STORE_PAUSE_MS = 5_000;

/** Time to wait after this many failures: doubled each time, and somewhere between half and all of it. */
export const pauseAfter = (
  attempts: number,
  { backoff, maxBackoff }: Pick<WebhookSettings, 'backoff' | 'maxBackoff'>,
): number => {
  const full = Math.min(maxBackoff, backoff * 2 ** Math.min(attempts - 1, 40));
  return Math.round(full * (0.5 + Math.random() / 2));
};

const reasonOf = (error: unknown): string => toLadeError(error).message.replaceAll(/\s+/g, ' ').slice(0, 300);

const firstState = (endpoint: string, position: number): DeliveryState => ({
  endpoint,
  position,
  attempts: 0,
  nextMs: 0,
  lastError: undefined,
  lastSuccessMs: undefined,
  delivered: 0,
  buried: 0,
});

/** What to do next: what is wanted of the next entries, and how far that goes. */
const nextWork = (
  entries: readonly JournalEntry[],
  wants: (entry: JournalEntry) => boolean,
  batch: number,
): { readonly wanted: readonly JournalEntry[]; readonly upTo: number | undefined } => {
  const wanted: JournalEntry[] = [];
  let upTo: number | undefined;
  for (const entry of entries) {
    if (wants(entry)) {
      if (wanted.length === batch) break;
      wanted.push(entry);
    }
    upTo = entry.id;
  }
  return { wanted, upTo };
};

/**
 * Starts to deliver: from the stored position, or, when the endpoint is new, from now on. Entries are sent in order; one
 * that fails is tried again until it is given up, and nothing after it is sent before.
 */
export const startEndpoint = (settings: WebhookSettings, deps: EndpointDeps): Endpoint => {
  const { journal, deliveries, source, failed } = deps;
  const stop = new AbortController();
  const { signal } = stop;
  const sender = createSender(settings, signal);
  const wants = createFilter(settings);
  const bell = createBell();
  let ahead: readonly JournalEntry[] = [];
  let stored = deliveries.state(settings.name);
  let state = stored ?? firstState(settings.name, journal.lastId());

  const save = async (next: DeliveryState): Promise<void> => {
    state = next;
    await deliveries.save(next);
    stored = next;
  };

  const sendNow = (entries: readonly JournalEntry[], attempt: number) =>
    sender.send(
      entries.map((entry) => eventOf(entry, source)),
      attempt,
    );

  const fail = async (wanted: readonly JournalEntry[], upTo: number, error: unknown): Promise<void> => {
    const reason = reasonOf(error);
    const attempts = state.attempts + 1;
    if (attempts < settings.attempts) {
      const nextMs = Date.now() + pauseAfter(attempts, settings);
      return save({ ...state, attempts, nextMs, lastError: reason });
    }
    const letters = wanted.map((entry) => ({
      endpoint: settings.name,
      entry,
      attempts,
      reason,
      atMs: Date.now(),
    }));
    const next = {
      ...state,
      position: upTo,
      attempts: 0,
      nextMs: Date.now() + pauseAfter(attempts, settings),
      lastError: reason,
      buried: state.buried + wanted.length,
    };
    await deliveries.bury(next, letters, settings.keepDeadLetters);
    state = next;
    stored = next;
  };

  const attempt = async (wanted: readonly JournalEntry[], upTo: number): Promise<void> => {
    try {
      await sendNow(wanted, state.attempts + 1);
    } catch (error) {
      // An attempt that the program's end cut does not count.
      if (!signal.aborted) await fail(wanted, upTo, error);
      return;
    }
    await save({
      ...state,
      position: upTo,
      attempts: 0,
      nextMs: 0,
      lastError: undefined,
      lastSuccessMs: Date.now(),
      delivered: state.delivered + wanted.length,
    });
  };

  /** Entries after the position: those that were read before, or the next page. */
  const nextEntries = (): readonly JournalEntry[] => {
    ahead = ahead.filter(({ id }) => id > state.position);
    if (ahead.length === 0) ahead = journal.entries({ after: state.position, limit: PAGE });
    return ahead;
  };

  const step = async (): Promise<void> => {
    if (stored === undefined) await save(state);
    const pause = state.nextMs - Date.now();
    if (pause > 0) return bell.wait(pause, signal);
    const { wanted, upTo } = nextWork(nextEntries(), wants, settings.batch);
    if (upTo === undefined) return bell.wait(IDLE_MS, signal);
    if (wanted.length === 0) {
      state = { ...state, position: upTo };
      if (upTo - (stored?.position ?? 0) >= SAVE_EVERY) await save(state);
      return;
    }
    return attempt(wanted, upTo);
  };

  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await step();
      } catch (error) {
        failed(error);
        await bell.wait(STORE_PAUSE_MS, signal);
      }
    }
    if (stored !== state) await deliveries.save(state).catch(failed);
  };

  const following = journal.follow(() => bell.ring());
  const working = work();
  return {
    settings,
    get state() {
      return state;
    },
    sendNow,
    [Symbol.asyncDispose]: async () => {
      following[Symbol.dispose]();
      stop.abort();
      await working;
      await sender[Symbol.asyncDispose]();
    },
  };
};
