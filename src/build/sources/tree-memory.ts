import { lstatSync, readdirSync, type BigIntStats } from 'node:fs';
import { STAT_WORDS, statWords } from '#sys';
import { compareNames, decodeName, fsPath } from '#tar';

/** Names and stats of a directory on the host, as they are now. */
export interface TreeLooks {
  /** The lstat of `name` below the root, always the same object while it does not change; undefined where nothing is. */
  stats(name: string): BigIntStats | undefined;
  /**
   * What a directory holds, with the names from the root on, in byte order; always the same list while it does not
   * change. `own` is what `stats` tells of it, for those who have just asked.
   */
  children(name: string, own?: BigIntStats): readonly string[];
}

/** Files of one tree that are remembered; others are looked at anew each time. */
const MOST_FILES = 100_000;
/** A directory this young when it was read may change again without its time telling. */
const CLOCK_TICK_NS = 2_000_000_000n;
const NS_PER_MS = 1_000_000n;
const FIRST_SLOTS = 256;

const pathOf = (root: string, name: string): string => (name === '' ? root : `${root}/${name}`);

const lstat = (path: string | Buffer): BigIntStats | undefined =>
  lstatSync(path, { bigint: true, throwIfNoEntry: false });

const namesIn = (root: string, name: string): readonly string[] =>
  readdirSync(fsPath(pathOf(root, name)), { encoding: 'buffer' })
    .map(decodeName)
    .sort(compareNames)
    .map((child) => (name === '' ? child : `${name}/${child}`));

const isSettled = ({ mtimeNs, ctimeNs }: BigIntStats): boolean => {
  const newest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
  return BigInt(Date.now()) * NS_PER_MS - newest > CLOCK_TICK_NS;
};

/** Looks at a tree without remembering anything. */
export const lookAt = (root: string): TreeLooks => ({
  stats: (name) => lstat(fsPath(pathOf(root, name))),
  children: (name) => namesIn(root, name),
});

/**
 * Looks at a tree again and again: of a file that did not change the same object is given, and a directory is read again
 * only when its times changed. Every file is still asked for its stat each time.
 */
export const createTreeMemory = (root: string): TreeLooks => {
  let words = new Uint32Array(FIRST_SLOTS * STAT_WORDS);
  const slots = new Map<string, number>();
  const known: (BigIntStats | undefined)[] = [];
  const read = new Map<string, { readonly stats: BigIntStats; readonly names: readonly string[] }>();
  const slotOf = (name: string): number => {
    const slot = slots.get(name) ?? slots.size;
    slots.set(name, slot);
    if ((slot + 1) * STAT_WORDS > words.length) {
      const larger = new Uint32Array(words.length * 2);
      larger.set(words);
      words = larger;
    }
    return slot;
  };
  const stats = (name: string): BigIntStats | undefined => {
    const path = fsPath(pathOf(root, name));
    if (slots.size >= MOST_FILES && !slots.has(name)) return lstat(path);
    const slot = slotOf(name);
    const before = known[slot];
    if (before !== undefined && statWords(path, words, slot * STAT_WORDS) === 'same') return before;
    known[slot] = undefined;
    const found = lstat(path);
    // Both tell of the same state only when it is the same before and after.
    const state = statWords(path, words, slot * STAT_WORDS);
    const again = state === 'absent' ? undefined : lstat(path);
    if (found !== undefined && again?.ctimeNs === found.ctimeNs && again.ino === found.ino)
      known[slot] = again;
    return again ?? found;
  };
  return {
    stats,
    children(name, own = stats(name)) {
      const remembered = read.get(name);
      if (own !== undefined && remembered?.stats === own) return remembered.names;
      const names = namesIn(root, name);
      if (own !== undefined && isSettled(own) && stats(name) === own) read.set(name, { stats: own, names });
      else read.delete(name);
      return names;
    },
  };
};
