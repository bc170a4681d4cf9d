import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** Wakes who waits. */
export interface Bell {
  ring(): void;
  /** Resolves when it rings, after that time, or when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** The longest time that a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A bell for one waiter; it stays rung until somebody waits. */
export const createBell = (): Bell => {
  const target = new EventTarget();
  let isRung = false;
  return {
    ring: () => {
      isRung = true;
      target.dispatchEvent(new Event('ring'));
    },
    wait: async (ms, signal) => {
      if (!isRung && !signal.aborted) {
        const done = new AbortController();
        const either = AbortSignal.any([signal, done.signal]);
        const ignored = (): void => undefined;
        await Promise.race([
          once(target, 'ring', { signal: either }),
          sleep(Math.min(Math.max(ms, 0), MAX_TIMER_MS), undefined, { signal: either, ref: false }),
        ]).catch(ignored);
        done.abort();
      }
      isRung = false;
    },
  };
};
