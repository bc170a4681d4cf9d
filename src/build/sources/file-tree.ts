import { readlinkSync, type BigIntStats } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { createPatternMatcher, type DirectoryState, type PatternMatcher } from '#dockerfile';
import { decodeName, fsPath } from '#tar';
import type { FileDigests } from './file-digests.ts';
import { lookAt, type TreeLooks } from './tree-memory.ts';

/** Files that steps may take: a build context, or the root of an image or stage. */
export interface FileTree {
  /** Directory on the host. */
  readonly root: string;
  /** How errors call it, such as `the build context`. */
  readonly label: string;
  readonly digests: FileDigests;
  /** What `.dockerignore` leaves out, and the name and the text of that file. */
  readonly ignore:
    | { readonly matcher: PatternMatcher; readonly file: string; readonly text: string }
    | undefined;
  /** Whether owners mean something (images) or everything belongs to root (contexts). */
  readonly keepsOwners: boolean;
}

/** Something in a tree. */
export interface TreeEntry {
  /** Names from the root of the tree, joined by slashes; empty for the root itself. */
  readonly name: string;
  readonly stats: BigIntStats;
}

/** Matches nothing. */
const NOTHING: PatternMatcher = createPatternMatcher([]);

/** Longest time without giving other work a turn, in milliseconds. */
const TURN = 5;

/** Gives other work a turn when this one has been busy for long. */
export const createTurns = (): (() => Promise<void>) => {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < TURN) return;
    await setImmediate();
    since = performance.now();
  };
};

export const hostPath = (tree: FileTree, name: string): string =>
  name === '' ? tree.root : `${tree.root}/${name}`;

/** How the files of a tree are looked at. */
export const looksOf = ({ digests, root }: FileTree): TreeLooks => digests.looks ?? lookAt(root);

export const entryAt = (tree: FileTree, name: string): TreeEntry | undefined => {
  const stats = looksOf(tree).stats(name);
  return stats === undefined ? undefined : { name, stats };
};

export const linkTarget = (tree: FileTree, name: string): string =>
  decodeName(readlinkSync(fsPath(hostPath(tree, name)), { encoding: 'buffer' }));

export const childrenOf = (tree: FileTree, name: string, own?: BigIntStats): readonly string[] =>
  looksOf(tree).children(name, own);

interface Walk {
  readonly tree: FileTree;
  /** Patterns against names that count from the walked directory. */
  readonly excludes: PatternMatcher;
  readonly base: string;
  /** Names below `base` at most; deeper ones are looked at only to decide about an ignored directory. */
  readonly depth: number;
  readonly turn: () => Promise<void>;
  readonly found: TreeEntry[];
}

interface States {
  readonly ignored: DirectoryState | undefined;
  readonly excluded: DirectoryState | undefined;
}

const stateOf = (matcher: PatternMatcher | undefined, name: string): DirectoryState | undefined => {
  if (matcher === undefined || name === '') return undefined;
  let state: DirectoryState | undefined;
  const parts = name.split('/');
  for (let depth = 1; depth <= parts.length; depth += 1) {
    state = matcher.judge(parts.slice(0, depth).join('/'), state).state;
  }
  return state;
};

/** Adds a directory only once something inside it is wanted, when it is not wanted by itself. */
const visitDirectory = async (
  walk: Walk,
  entry: TreeEntry,
  states: States & { wanted: boolean },
): Promise<void> => {
  const at = walk.found.length;
  if (states.wanted) walk.found.push(entry);
  const level = entry.name.slice(walk.base === '' ? 0 : walk.base.length + 1).split('/').length;
  if (states.wanted && level >= walk.depth) return;
  await walkChildren(walk, entry, states);
  if (!states.wanted && walk.found.length > at) walk.found.splice(at, 0, entry);
};

const walkChildren = async (
  walk: Walk,
  directory: { readonly name: string; readonly stats?: BigIntStats },
  states: States,
): Promise<void> => {
  const { tree, excludes, base } = walk;
  for (const name of childrenOf(tree, directory.name, directory.stats)) {
    await walk.turn();
    const inside = base === '' ? name : name.slice(base.length + 1);
    const ignored = tree.ignore?.matcher.judge(name, states.ignored);
    const excluded = excludes.judge(inside, states.excluded);
    const out = ignored?.matches === true || excluded.matches;
    const entry = entryAt(tree, name);
    if (entry === undefined) continue;
    if (entry.stats.isDirectory()) {
      const mayHoldWanted =
        (ignored?.matches !== true || tree.ignore?.matcher.mayTakeBackInside(name) === true) &&
        (!excluded.matches || excludes.mayTakeBackInside(inside));
      if (out && !mayHoldWanted) continue;
      await visitDirectory(walk, entry, { ignored: ignored?.state, excluded: excluded.state, wanted: !out });
    } else if (!out && !entry.stats.isSocket()) walk.found.push(entry);
  }
};

/** Everything below a directory that is neither ignored nor excluded; parents first, names in byte order. `depth` limits how far down. */
export const walkTree = async (
  tree: FileTree,
  directory: string,
  options: {
    readonly excludes?: PatternMatcher;
    readonly depth?: number;
    /** Directory above that the names of `excludes` count from; the walked one unless given. */
    readonly base?: string;
  } = {},
): Promise<readonly TreeEntry[]> => {
  const { excludes = NOTHING, depth = Number.POSITIVE_INFINITY, base = directory } = options;
  const walk: Walk = { tree, excludes, base, depth, turn: createTurns(), found: [] };
  await walkChildren(
    walk,
    { name: directory },
    {
      ignored: stateOf(tree.ignore?.matcher, directory),
      excluded: stateOf(
        excludes,
        directory.slice(base === '' || base === directory ? base.length : base.length + 1),
      ),
    },
  );
  return walk.found;
};

/** Whether `.dockerignore` leaves a path out. */
export const isIgnored = (tree: FileTree, name: string): boolean =>
  name !== '' && tree.ignore?.matcher.matches(name) === true;
