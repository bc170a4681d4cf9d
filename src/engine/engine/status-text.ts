import type { ContainerRecord } from './record.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A span of seconds in Docker's words: "About a minute", "3 hours". */
export const humanDuration = (seconds: number): string => {
  if (seconds < 1) return 'Less than a second';
  if (seconds < 2) return '1 second';
  if (seconds < MINUTE) return `${Math.floor(seconds)} seconds`;
  if (seconds < 2 * MINUTE) return 'About a minute';
  if (seconds < 46 * MINUTE) return `${Math.floor(seconds / MINUTE)} minutes`;
  const hours = Math.floor(seconds / HOUR + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(seconds / DAY / 365)} years`;
};

const since = (time: string, now: number): string => humanDuration((now - Date.parse(time)) / 1000);

const healthNote = (record: ContainerRecord): string => {
  const status = record.health?.Status;
  if (status === undefined || status === 'none') return '';
  return status === 'starting' ? ' (health: starting)' : ` (${status})`;
};

/** The STATUS column of `ps`. */
export const statusText = (record: ContainerRecord, now = Date.now()): string => {
  const { state } = record;
  switch (state.kind) {
    case 'created':
      return 'Created';
    case 'dead':
      return 'Dead';
    case 'paused':
      return `Up ${since(state.startedAt, now)} (Paused)`;
    case 'running':
      return `Up ${since(state.startedAt, now)}${healthNote(record)}`;
    case 'exited':
      return state.restarting
        ? `Restarting (${state.exitCode}) ${since(state.finishedAt, now)} ago`
        : `Exited (${state.exitCode}) ${since(state.finishedAt, now)} ago`;
    default:
      return state satisfies never;
  }
};
