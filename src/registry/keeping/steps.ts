import { setImmediate as breathe } from 'node:timers/promises';

/** Work in small steps: each `yield` is a place where something else may run. */
export type Steps<T> = Generator<void, T>;

const ITEMS = 200;
const TURN_MS = 5;

/** Answers true once for so many calls: then it is time to yield. */
export const createTick = (): (() => boolean) => {
  let count = 0;
  return () => {
    count += 1;
    return count % ITEMS === 0;
  };
};

/** Does all steps at once. */
export const doNow = <T>(steps: Steps<T>): T => {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
};

/** Does the steps, letting requests through every few milliseconds. */
export const doInTurns = async <T>(steps: Steps<T>, signal: AbortSignal | undefined): Promise<T> => {
  let beganMs = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() - beganMs < TURN_MS) continue;
    signal?.throwIfAborted();
    await breathe();
    beganMs = performance.now();
  }
};
