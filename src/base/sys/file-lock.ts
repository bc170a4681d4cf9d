import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { errnoOf } from './errors.ts';
import { checked, libcFunction } from './libc.ts';
import type { FileLock } from './types.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

const cFlock = libcFunction('int flock(int fd, int operation)');

/** Whether the path still leads to this file: a holder may remove the file before it lets go. */
const isAt = (path: string, fd: number): boolean => {
  const [mine, there] = [fstatSync(fd), lstatSync(path, { throwIfNoEntry: false })];
  return there !== undefined && there.ino === mine.ino && there.dev === mine.dev;
};

/**
 * Takes the exclusive lock of `path`, which is created when missing, without waiting. Whoever holds it may remove the
 * file: nobody takes the lock of one that is gone.
 *
 * @returns undefined while another open file, in this or another process, holds it, or where it has just gone
 */
export const fileLock = (path: string): FileLock | undefined => {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    checked('flock', path, cFlock(fd, LOCK_EX | LOCK_NB));
    if (!isAt(path, fd)) {
      closeSync(fd);
      return undefined;
    }
  } catch (error) {
    closeSync(fd);
    if (errnoOf(error) === 'EAGAIN' || errnoOf(error) === 'EWOULDBLOCK') return undefined;
    throw error;
  }
  let held = true;
  return {
    path,
    [Symbol.dispose]: () => {
      if (held) closeSync(fd);
      held = false;
    },
  };
};
