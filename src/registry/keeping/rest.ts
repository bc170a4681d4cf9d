import { setTimeout as wait } from 'node:timers/promises';

const MAX_REST_MS = 20;

/** Leaves the machine to requests for as long as the work since then took, within limits. */
export const restSince = (beganMs: number): Promise<void> =>
  wait(Math.min(MAX_REST_MS, performance.now() - beganMs));
