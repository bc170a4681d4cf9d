import { setTimeout as wait } from 'node:timers/promises';

const AHEAD_MS = 20;

/** Waits as long as it takes for the bytes so far to stay below a rate. */
export const createPace = (bytesPerSecond: number | undefined, signal: AbortSignal | undefined) => {
  const beganMs = performance.now();
  let total = 0;
  return async (bytes: number): Promise<void> => {
    total += bytes;
    if (bytesPerSecond === undefined || bytesPerSecond <= 0) return;
    const aheadMs = (total / bytesPerSecond) * 1000 - (performance.now() - beganMs);
    if (aheadMs > AHEAD_MS) await wait(aheadMs, undefined, { signal });
  };
};
