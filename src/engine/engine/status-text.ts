import { humanDuration } from '#units';
import type { ContainerRecord } from './record.ts';

const since = (time: string, now: number): string => humanDuration(now - Date.parse(time));

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
