import type { Emit } from '#events';
import type { BuildEvent } from './types.ts';

/** Tells events in their order; of very many at once, a few milliseconds' worth at a time. */
export interface Teller {
  /** Tells it at once where nothing waits, else after what does. */
  readonly emit: Emit<BuildEvent>;
  /** Tells all of them; they are asked for one after another. */
  tellAll(events: Iterable<BuildEvent>): void;
  /** Resolves once nothing waits any more; rejects with what `emit` threw. */
  settled(): Promise<void>;
}

/** So long, in milliseconds, other work waits at most. */
const SLICE_MS = 12;

const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/** A teller in front of `emit`. Few events are told before `tellAll` returns. */
export const createTeller = (emit: Emit<BuildEvent>): Teller => {
  const waiting: Iterator<BuildEvent>[] = [];
  let telling: Promise<void> | undefined;
  /** Whether everything was told before the time was over. */
  const tellSlice = (): boolean => {
    const until = performance.now() + SLICE_MS;
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      for (let next = first.next(); next.done !== true; next = first.next()) {
        emit(next.value);
        if (performance.now() >= until) return false;
      }
      waiting.shift();
    }
    return true;
  };
  const tellRest = async (): Promise<void> => {
    try {
      do await nextTurn();
      while (!tellSlice());
    } finally {
      waiting.length = 0;
      telling = undefined;
    }
  };
  const tellAll = (events: Iterable<BuildEvent>): void => {
    waiting.push(events[Symbol.iterator]());
    if (telling !== undefined || tellSlice()) return;
    telling = tellRest();
    // Whoever waits for it gets the error.
    telling.catch(() => undefined);
  };
  return {
    emit: (event) => {
      if (telling === undefined) emit(event);
      else tellAll([event]);
    },
    tellAll,
    settled: () => telling ?? Promise.resolve(),
  };
};
