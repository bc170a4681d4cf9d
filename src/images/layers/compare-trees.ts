import { compareNames } from '#tar';
import type { Aspect, StackDifference, StackEntry } from './compare-types.ts';
import type { MergedDirectory, MergedLeaf, MergedNode } from './merged-tree.ts';
import type { Attributes } from './tree-types.ts';

type MergedFile = Extract<MergedLeaf, { readonly kind: 'file' }>;

export interface TreeComparison {
  readonly times: boolean;
  /** Names from the root, one list for each path that is wanted; empty for all. */
  readonly wanted: readonly (readonly string[])[];
  /** Whether two files of one size have the same bytes. */
  readonly sameContent: (before: MergedFile, after: MergedFile) => boolean;
}

const NO_CHILDREN: ReadonlyMap<string, MergedNode> = new Map();

const entryOf = (node: MergedNode): StackEntry => ({
  kind: node.kind,
  size: node.kind === 'file' ? node.size : 0,
  mode: node.attributes.mode,
  uid: node.attributes.uid,
  gid: node.attributes.gid,
  ...(node.kind === 'symlink' ? { target: node.target } : {}),
});

const sameXattrs = (a: Attributes['xattrs'], b: Attributes['xattrs']): boolean =>
  a === b || (a.size === b.size && [...a].every(([name, value]) => b.get(name)?.equals(value) === true));

const attributeAspects = (a: Attributes, b: Attributes, times: boolean): readonly Aspect[] => {
  if (a === b) return [];
  const aspects: Aspect[] = [];
  if (a.mode !== b.mode) aspects.push('mode');
  if (a.uid !== b.uid || a.gid !== b.gid) aspects.push('owner');
  if (!sameXattrs(a.xattrs, b.xattrs)) aspects.push('xattr');
  if (times && a.mtimeNs !== b.mtimeNs) aspects.push('time');
  return aspects;
};

const isDevice = (node: MergedNode): node is Extract<MergedLeaf, { readonly major: number }> =>
  'major' in node;

/** What differs in what the thing itself is: bytes, target, device. */
const substanceAspects = (a: MergedNode, b: MergedNode, compare: TreeComparison): readonly Aspect[] => {
  if (a.kind !== b.kind) return ['kind'];
  if (a.kind === 'file' && b.kind === 'file')
    return a.size === b.size && compare.sameContent(a, b) ? [] : ['content'];
  if (a.kind === 'symlink' && b.kind === 'symlink') return a.target === b.target ? [] : ['link'];
  if (isDevice(a) && isDevice(b)) return a.major === b.major && a.minor === b.minor ? [] : ['device'];
  return [];
};

const aspectsOf = (a: MergedNode, b: MergedNode, compare: TreeComparison): readonly Aspect[] => [
  ...substanceAspects(a, b, compare),
  ...attributeAspects(a.attributes, b.attributes, compare.times),
];

const differenceOf = (
  path: readonly string[],
  { before, after }: Pair,
  compare: TreeComparison,
): StackDifference | undefined => {
  const shown = `/${path.join('/')}`;
  if (before === undefined || after === undefined) {
    const [one, other] = [before, after].map((node) => (node === undefined ? undefined : entryOf(node)));
    return { path: shown, before: one, after: other, aspects: [] };
  }
  const aspects = aspectsOf(before, after, compare);
  return aspects.length === 0
    ? undefined
    : { path: shown, before: entryOf(before), after: entryOf(after), aspects };
};

interface Pair {
  readonly before: MergedNode | undefined;
  readonly after: MergedNode | undefined;
}

const childrenOf = (node: MergedNode | undefined): ReadonlyMap<string, MergedNode> =>
  node?.kind === 'directory' ? node.children : NO_CHILDREN;

/** Wanted lists that lead on through this name, without it; undefined where none does. */
const wantedBelow = (
  wanted: readonly (readonly string[])[],
  name: string,
): readonly (readonly string[])[] | undefined => {
  if (wanted.length === 0) return wanted;
  const on = wanted.filter(([first]) => first === name).map((names) => names.slice(1));
  if (on.length === 0) return undefined;
  return on.some((names) => names.length === 0) ? [] : on;
};

function* compareNodes(
  path: string[],
  pair: Pair,
  compare: TreeComparison,
): Generator<StackDifference, void, undefined> {
  const { before, after } = pair;
  if (before === after) return;
  // While names are left, this only leads to what is wanted.
  const found = compare.wanted.length === 0 ? differenceOf(path, pair, compare) : undefined;
  if (found !== undefined) yield found;
  const [was, is] = [childrenOf(before), childrenOf(after)];
  if (was === is) return;
  for (const name of [...new Set([...was.keys(), ...is.keys()])].sort(compareNames)) {
    const wanted = wantedBelow(compare.wanted, name);
    if (wanted === undefined) continue;
    path.push(name);
    yield* compareNodes(path, { before: was.get(name), after: is.get(name) }, { ...compare, wanted });
    path.pop();
  }
}

/** Every path that the two roots do not have alike, a directory before what lies in it, names sorted by bytes. */
export const compareTrees = (
  before: MergedDirectory,
  after: MergedDirectory,
  compare: TreeComparison,
): Generator<StackDifference, void, undefined> => compareNodes([], { before, after }, compare);
