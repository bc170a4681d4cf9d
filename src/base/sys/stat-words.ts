import { libcFunction, pathArgument } from './libc.ts';

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const STATX_BASIC_STATS = 0x7ff;
const STATX_BYTES = 256;

const cStatx = libcFunction(
  'int statx(int directory, const char *path, int flags, unsigned int mask, uint8_t *into)',
);

const bytes = Buffer.alloc(STATX_BYTES);
const words = new Uint32Array(bytes.buffer, bytes.byteOffset, STATX_BYTES / 4);

/** Places of struct statx in words: links, owner, mode, inode, size, change and modification time, devices. */
const TOLD = [4, 5, 6, 7, 8, 9, 10, 11, 24, 25, 26, 28, 29, 30, 32, 33, 34, 35];

/** How many words tell of a file. */
export const STAT_WORDS = TOLD.length;

/**
 * Writes what lstat tells of `path`, but for the time it was read, into `target` from `at` on, and says whether it is
 * what was there before. Nothing is allocated, which makes it cheap for very many files.
 */
export const statWords = (
  path: string | Buffer,
  target: Uint32Array,
  at: number,
): 'same' | 'other' | 'absent' => {
  const named = pathArgument('statx', path);
  if (cStatx(AT_FDCWD, named, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, bytes) !== 0) return 'absent';
  let same = true;
  for (let index = 0; index < STAT_WORDS; index += 1) {
    const word = words[TOLD[index] ?? 0] ?? 0;
    if (target[at + index] === word) continue;
    target[at + index] = word;
    same = false;
  }
  return same ? 'same' : 'other';
};
