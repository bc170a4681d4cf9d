import type { MissReason } from '#api';
import { ellipsis, visible } from '#console';

const shown = (value: string | undefined): string =>
  value === undefined ? 'unset' : `"${ellipsis(visible(value), 60)}"`;

const FILE_CHANGES = {
  added: 'was added',
  removed: 'was removed',
  modified: 'was modified',
  metadata: 'has other permissions or another owner',
} as const;

/** One phrase for why a step was not taken from the cache. */
export const explainMiss = (reason: MissReason): string => {
  switch (reason.kind) {
    case 'first-build':
      return 'it was never built before';
    case 'no-cache':
      return '--no-cache was given';
    case 'instruction-changed':
      return `the instruction was ${shown(reason.before)}`;
    case 'variable-changed':
      return `${reason.name} was ${shown(reason.before)} and is ${shown(reason.after)}`;
    case 'setting-changed':
      return `${reason.name} was ${shown(reason.before)} and is ${shown(reason.after)}`;
    case 'base-changed':
      return `the base image was ${shown(reason.before)} and is ${shown(reason.after)}`;
    case 'file-changed':
      return `${visible(reason.path)} ${FILE_CHANGES[reason.change]}`;
    case 'earlier-step':
      return `an earlier step was built anew: ${ellipsis(visible(reason.step), 60)}`;
    case 'evicted':
      return 'its result is no longer stored';
    default:
      return reason satisfies never;
  }
};
