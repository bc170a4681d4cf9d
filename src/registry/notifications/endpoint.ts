import type { DeadLetter, DeliveryState, DeliveryStore, Journal, JournalEntry } from '#metadata';
import { createBell, type Bell } from './bell.ts';
import { eventOf, type EventSource } from './event.ts';
import { afterFailure, afterSuccess, firstState, nextWork, type Work } from './outcome.ts';
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

/** How far the endpoint is, in memory and in the store. */
const createProgress = (
  { name, keepDeadLetters }: WebhookSettings,
  { journal, deliveries }: EndpointDeps,
) => {
  let stored = deliveries.state(name);
  let state = stored ?? firstState(name, journal.lastId());
  let ahead: readonly JournalEntry[] = [];
  const save = async (
    next: DeliveryState,
    letters: readonly Omit<DeadLetter, 'id'>[] = [],
  ): Promise<void> => {
    if (letters.length === 0) await deliveries.save(next);
    else await deliveries.bury(next, letters, keepDeadLetters);
    state = next;
    stored = next;
  };
  return {
    get state() {
      return state;
    },
    save,
    /** Writes down what is not yet, so that a new endpoint has a place to begin. */
    begin: async (): Promise<void> => {
      if (stored === undefined) await save(state);
    },
    /** Goes on behind entries that nobody wants. */
    skip: async (position: number): Promise<void> => {
      state = { ...state, position };
      if (position - (stored?.position ?? 0) >= SAVE_EVERY) await save(state);
    },
    settle: async (): Promise<void> => {
      if (stored !== state) await save(state);
    },
    /** Entries after the position: those that were read before, or the next page. */
    next: (): readonly JournalEntry[] => {
      ahead = ahead.filter(({ id }) => id > state.position);
      if (ahead.length === 0) ahead = journal.entries({ after: state.position, limit: PAGE });
      return ahead;
    },
  };
};

interface Loop {
  readonly step: () => Promise<void>;
  readonly bell: Bell;
  readonly signal: AbortSignal;
  readonly failed: (error: unknown) => void;
}

const runSteps = async ({ step, bell, signal, failed }: Loop): Promise<void> => {
  while (!signal.aborted) {
    try {
      await step();
    } catch (error) {
      failed(error);
      await bell.wait(STORE_PAUSE_MS, signal);
    }
  }
};

/**
 * Starts to deliver: from the stored position, or, when the endpoint is new, from now on. Entries are sent in order; one
 * that fails is tried again until it is given up, and nothing after it is sent before.
 */
export const startEndpoint = (settings: WebhookSettings, deps: EndpointDeps): Endpoint => {
  const { journal, source, failed } = deps;
  const stop = new AbortController();
  const { signal } = stop;
  const sender = createSender(settings, signal);
  const wants = createFilter(settings);
  const bell = createBell();
  const progress = createProgress(settings, deps);

  const sendNow = (entries: readonly JournalEntry[], attempt: number) => {
    const events = entries.map((entry) => eventOf(entry, source));
    return sender.send(events, attempt);
  };

  const attempt = async (work: Work): Promise<void> => {
    try {
      await sendNow(work.wanted, progress.state.attempts + 1);
    } catch (error) {
      // An attempt that the program's end cut does not count.
      if (signal.aborted) return;
      const { state, letters } = afterFailure(progress.state, work, { settings, error });
      await progress.save(state, letters);
      return;
    }
    await progress.save(afterSuccess(progress.state, work));
  };

  const step = async (): Promise<void> => {
    await progress.begin();
    const pause = progress.state.nextMs - Date.now();
    if (pause > 0) return bell.wait(pause, signal);
    const work = nextWork(progress.next(), wants, settings.batch);
    if (work === undefined) return bell.wait(IDLE_MS, signal);
    return work.wanted.length === 0 ? progress.skip(work.upTo) : attempt(work);
  };

  const following = journal.follow(() => bell.ring());
  const working = runSteps({ step, bell, signal, failed });
  return {
    settings,
    get state() {
      return progress.state;
    },
    sendNow,
    [Symbol.asyncDispose]: async () => {
      following[Symbol.dispose]();
      stop.abort();
      await working;
      await progress.settle().catch(failed);
      await sender[Symbol.asyncDispose]();
    },
  };
};
