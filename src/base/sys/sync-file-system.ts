import { callError } from './errors.ts';
import { checked, libcFunction, libcFunctionAsync } from './libc.ts';

const cSyncfs = libcFunctionAsync('int syncfs(int file)');

/**
 * Makes all that was written to the file system of an open file durable, on a thread of the pool: for many files at once
 * it takes one wait for the disk instead of one for each.
 */
export const syncFileSystem = async (fd: number): Promise<void> => {
  if (Number(await cSyncfs(fd)) < 0)
    throw callError({ call: 'syncfs', target: `descriptor ${fd}`, errno: 'EIO' });
};

const cSyncfsHere = libcFunction('int syncfs(int file)');

/** The same on the calling thread, which waits for the disk: for threads of their own only. */
export const syncFileSystemHere = (fd: number): void => {
  checked('syncfs', `descriptor ${fd}`, cSyncfsHere(fd));
};
