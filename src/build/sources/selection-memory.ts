import type { BigIntStats } from 'node:fs';
import { createTurns, linkTarget, looksOf, type FileTree } from './file-tree.ts';
import type { SelectedSource } from './select-files.ts';
import type { TreeLooks } from './tree-memory.ts';

/** Something that was looked at: its stat, and for a directory that was read, its names. */
interface Look {
  readonly name: string;
  readonly stats: BigIntStats;
  readonly names: readonly string[] | undefined;
}

interface Remembered {
  readonly looks: readonly Look[];
  readonly source: SelectedSource;
}

/** Looks of one tree that are remembered, in all of its selections together. */
const MOST_LOOKS = 100_000;
/** Looks between two questions whether other work waits. */
const LOOKS_AT_ONCE = 64;

/** What was selected in trees whose stats are remembered; forgotten with them. */
const memories = new WeakMap<TreeLooks, Map<string, Remembered>>();

/** The same tree, and all that is asked of it. */
interface Watched {
  readonly tree: FileTree;
  /** Undefined when it cannot be told again whether all is as it was. */
  readonly seen: () => readonly Look[] | undefined;
}

const watch = (tree: FileTree): Watched => {
  const { digests } = tree;
  const inner = looksOf(tree);
  const stats = new Map<string, BigIntStats>();
  const children = new Map<string, readonly string[]>();
  let steady = true;
  const lookAt = (name: string): BigIntStats | undefined => {
    const found = inner.stats(name);
    const before = stats.get(name);
    if (found === undefined || (before !== undefined && before !== found)) steady = false;
    else stats.set(name, found);
    return found;
  };
  const looks: TreeLooks = {
    stats: lookAt,
    children(name, own = lookAt(name)) {
      const names = inner.children(name, own);
      children.set(name, names);
      return names;
    },
  };
  const digest: FileTree['digests']['digest'] = (name, own, signal) => {
    const found = digests.digest(name, own, signal);
    // What was read just now may not be known under its stat.
    if (typeof found !== 'string') steady = false;
    return found;
  };
  const seen = (): readonly Look[] | undefined =>
    steady
      ? Array.from(stats, ([name, found]) => ({ name, stats: found, names: children.get(name) }))
      : undefined;
  return { tree: { ...tree, digests: { ...digests, looks, digest } }, seen };
};

/** Targets of links are read anew: a link that is exchanged within one clock tick may have the stat of the one before. */
const linksAreSame = (tree: FileTree, { entries }: SelectedSource): boolean =>
  entries.every(({ name, linkName }) => linkName === undefined || linkTarget(tree, name) === linkName);

const isAsSeen = async (tree: FileTree, { looks: seen, source }: Remembered): Promise<boolean> => {
  const looks = looksOf(tree);
  const turn = createTurns();
  for (const [index, { name, stats, names }] of seen.entries()) {
    if (index % LOOKS_AT_ONCE === 0) await turn();
    if (looks.stats(name) !== stats) return false;
    if (names !== undefined && looks.children(name, stats) !== names) return false;
  }
  return linksAreSame(tree, source);
};

const forgetOldest = (memory: Map<string, Remembered>): void => {
  let total = [...memory.values()].reduce((sum, { looks }) => sum + looks.length, 0);
  for (const [key, { looks }] of memory) {
    if (total <= MOST_LOOKS) return;
    memory.delete(key);
    total -= looks.length;
  }
};

/**
 * What `select` found the last time in the same tree under the same key, if every stat and every list of names that it
 * asked for is what it was; else what it finds now. The key holds everything else that the selection depends on.
 */
export const selectRemembered = async (
  tree: FileTree,
  key: string,
  select: (tree: FileTree) => Promise<SelectedSource>,
): Promise<SelectedSource> => {
  const { looks } = tree.digests;
  // A stat tells nothing of extended attributes, which count in such trees.
  if (looks === undefined || tree.keepsOwners) return await select(tree);
  const memory = memories.get(looks) ?? new Map<string, Remembered>();
  memories.set(looks, memory);
  const before = memory.get(key);
  if (before !== undefined && (await isAsSeen(tree, before))) return before.source;
  memory.delete(key);
  const watched = watch(tree);
  const source = await select(watched.tree);
  const seen = watched.seen();
  if (seen === undefined) return source;
  memory.set(key, { looks: seen, source });
  forgetOldest(memory);
  return source;
};
