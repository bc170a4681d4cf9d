import type { ContainerRecord } from './record.ts';

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
/** A run of this length counts as a success: the next delay is the first one again. */
const STABLE_MS = 10_000;

/** Whether the policy starts a container again that ended with this code. */
export const restarts = (record: ContainerRecord, exitCode: number): boolean => {
  const { Name: name = 'no', MaximumRetryCount: most = 0 } = record.hostConfig.RestartPolicy ?? {};
  if (record.stoppedByUser) return false;
  if (name === 'always' || name === 'unless-stopped') return true;
  return name === 'on-failure' && exitCode !== 0 && (most === 0 || record.restartCount < most);
};

/** Whether a container that is found stopped when the engine opens is started. */
export const startsAtOpen = (record: ContainerRecord): boolean => {
  if (record.state.kind !== 'exited') return false;
  const name = record.hostConfig.RestartPolicy?.Name;
  return name === 'always' || (record.state.restarting && restarts(record, record.state.exitCode));
};

/** The delay before the next start: doubled after each short run, up to a minute. */
export const nextDelayMs = (previousMs: number | undefined, ranForMs: number): number =>
  previousMs === undefined || ranForMs >= STABLE_MS
    ? FIRST_DELAY_MS
    : Math.min(previousMs * 2, LONGEST_DELAY_MS);
