import { setImmediate } from 'node:timers/promises';

/** Longest time without giving other work a turn, in milliseconds. */
const TURN_MS = 5;

/** Gives other work a turn when this one has been busy for long. */
export const createTurns = (): (() => Promise<void> | undefined) => {
  let since = performance.now();
  let turning: Promise<void> | undefined;
  return () => {
    if (turning !== undefined) return turning;
    if (performance.now() - since < TURN_MS) return undefined;
    turning = setImmediate().then(() => {
      turning = undefined;
      since = performance.now();
    });
    return turning;
  };
};
