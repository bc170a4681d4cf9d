import type { FileChange, MissReason } from '#api';
import { ellipsis, visible } from '#console';

const shown = (value: string | undefined): string =>
  value === undefined ? 'unset' : `"${ellipsis(visible(value), 60)}"`;

const FILE_CHANGES: Readonly<Record<FileChange, string>> = {
  added: 'was added',
  removed: 'was removed',
  content: 'has other content',
  mode: 'has another mode',
  owner: 'has another owner',
  attributes: 'has other extended attributes',
  kind: 'is of another kind',
};

const explainFile = (reason: MissReason & { readonly kind: 'file-changed' }): string => {
  const { path, change, before, after } = reason;
  const values = before === undefined ? '' : `: it was ${shown(before)} and is ${shown(after)}`;
  return `${visible(path)} ${FILE_CHANGES[change]}${values}`;
};

/** One phrase for why a step was not taken from the cache. */
export const explainMiss = (reason: MissReason): string => {
  switch (reason.kind) {
    case 'first-build':
      return 'it was never built before';
    case 'new-step':
      return 'the last build had no such step';
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
      return explainFile(reason);
    case 'earlier-step':
      return `an earlier step was built anew: ${ellipsis(visible(reason.step), 60)}`;
    case 'order-changed':
      return `it stood on ${shown(reason.before)} and stands on ${shown(reason.after)}`;
    case 'evicted':
      return 'its result was removed from the cache';
    default:
      return reason satisfies never;
  }
};
