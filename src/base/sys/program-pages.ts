import { readFileSync } from 'node:fs';
import { libcFunction } from './libc.ts';

const MADV_DONTNEED = 4;

const cMadvise = libcFunction('int madvise(uint64_t address, size_t length, int advice)');

/**
 * Lets go of the pages of the program's own code that are in memory. Most of them were needed to start only; those that are
 * needed again are taken from the page cache, one by one. Code is never written to, so nothing is lost.
 */
export const releaseProgramPages = (): void => {
  for (const line of readFileSync('/proc/self/maps').toString().split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \d+ +(.*)$/.exec(line);
    if (match?.[3] !== process.execPath) continue;
    const [start, end] = [BigInt(`0x${match[1] ?? '0'}`), BigInt(`0x${match[2] ?? '0'}`)];
    cMadvise(start, end - start, MADV_DONTNEED);
  }
};
