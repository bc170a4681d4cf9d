import { lstatSync, readlinkSync, type BigIntStats } from 'node:fs';
import { decodeName, fsPath } from '#tar';

/** Where a path leads inside a root, with all symbolic links followed. */
export interface Located {
  /** Names from the root, none of them a link; those that do not exist come last. */
  readonly path: string;
  /** What is there; undefined when it does not exist. */
  readonly stats: BigIntStats | undefined;
  /** The longest part of `path` that exists. */
  readonly existing: string;
}

const MAX_LINKS = 255;

const statOf = (path: string): BigIntStats | undefined => {
  try {
    return lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    // A name below a file.
    if (
      error instanceof Error &&
      'code' in error &&
      (error.code === 'ENOTDIR' || error.code === 'ENAMETOOLONG')
    ) {
      return undefined;
    }
    throw error;
  }
};

export const partsOf = (path: string): string[] =>
  path.split('/').filter((part) => part !== '' && part !== '.');

const lost = (done: readonly string[], waiting: readonly string[]): Located => ({
  path: [...done, ...waiting.filter((part) => part !== '..')].join('/'),
  stats: undefined,
  existing: done.slice(0, -1).join('/'),
});

/**
 * Follows `path` as a process would whose root is `root`: `..` and absolute links end at that root.
 * A link that leads nowhere, or in a circle, counts as something that does not exist.
 */
export const locate = (
  root: string,
  path: string,
  options: { readonly followLast?: boolean } = {},
): Located => {
  const waiting = partsOf(path);
  const done: string[] = [];
  let existing = 0;
  let stats = statOf(root);
  let links = 0;
  for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
    if (part === '..') {
      done.pop();
      existing = Math.min(existing, done.length);
      stats = statOf([root, ...done].join('/'));
      continue;
    }
    done.push(part);
    stats = existing === done.length - 1 ? statOf([root, ...done].join('/')) : undefined;
    const follow = waiting.length > 0 || (options.followLast ?? true);
    if (stats?.isSymbolicLink() === true && follow) {
      links += 1;
      // What lies behind too many links is never asked for: the kernel would follow them out of the root.
      if (links > MAX_LINKS) return lost(done, waiting);
      const target = decodeName(readlinkSync(fsPath([root, ...done].join('/')), { encoding: 'buffer' }));
      done.pop();
      if (target.startsWith('/')) done.length = 0;
      existing = done.length;
      waiting.unshift(...partsOf(target));
      stats = statOf([root, ...done].join('/'));
      continue;
    }
    if (stats !== undefined) existing = done.length;
  }
  return { path: done.join('/'), stats, existing: done.slice(0, existing).join('/') };
};
