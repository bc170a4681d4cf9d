import { closeSync, constants, openSync } from 'node:fs';
import { checked, libcFunction, pathArgument } from './libc.ts';
import type { OpenInRootOptions } from './types.ts';

const SYS_OPENAT2 = 437;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const RESOLVE_NO_MAGICLINKS = 0x2;
const RESOLVE_NO_SYMLINKS = 0x4;
const RESOLVE_IN_ROOT = 0x10;

const cOpenat2 = libcFunction(
  'long syscall(long number, int directory, const char *path, const uint8_t *how, size_t size)',
);

const openHow = (options: OpenInRootOptions): Buffer => {
  const how = Buffer.alloc(24);
  const resolve =
    RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (options.noSymlinks === true ? RESOLVE_NO_SYMLINKS : 0);
  how.writeBigUInt64LE(BigInt(options.flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(options.mode ?? 0), 8);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  return how;
};

/**
 * Opens `path` as a process sees it whose root is `root`: `..` and absolute symbolic links end at that root, also when
 * the tree changes meanwhile (openat2 with RESOLVE_IN_ROOT).
 *
 * Other operations below the root go through `/proc/self/fd/N` of a directory opened here (O_PATH | O_DIRECTORY).
 *
 * @param root a directory's path, or a descriptor of one
 * @param path bytes where it is not UTF-8
 * @returns a file descriptor that the caller closes
 */
export const openInRoot = (
  root: string | number,
  path: string | Buffer,
  options: OpenInRootOptions,
): number => {
  const file = pathArgument('openat2', path);
  const directory = typeof root === 'number' ? root : openSync(root, O_PATH | constants.O_DIRECTORY);
  try {
    const how = openHow(options);
    return checked('openat2', String(path), cOpenat2(SYS_OPENAT2, directory, file, how, how.length));
  } finally {
    if (typeof root === 'string') closeSync(directory);
  }
};
