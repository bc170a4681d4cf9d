import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

const isErrno = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

const makeOne = (path: string, mode: number): void => {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
};

/**
 * Makes a directory and the parents it lacks, all with `mode`; idempotent. For paths that somebody else chose.
 *
 * Node's own recursive mkdir never returns where a file system answers ENOENT below a directory that exists, as /proc
 * does; here that is an error like any other.
 */
export const makeDirectories = (path: string, mode = 0o777): void => {
  try {
    makeOne(path, mode);
  } catch (error) {
    const parent = dirname(path);
    if (!isErrno(error, 'ENOENT') || parent === path) throw error;
    makeDirectories(parent, mode);
    makeOne(path, mode);
  }
};
