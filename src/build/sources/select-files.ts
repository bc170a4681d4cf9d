import { posix } from 'node:path';
import { createPatternMatcher, didYouMean, type Place } from '#dockerfile';
import type { KeyPart } from '#solver';
import { sourcesErrors } from './errors.ts';
import type { ModeChange } from './file-mode.ts';
import { xattrsAt, xattrsText, type Xattrs } from './file-xattrs.ts';
import {
  childrenOf,
  createTurns,
  entryAt,
  hostPath,
  isIgnored,
  linkTarget,
  walkTree,
  type FileTree,
  type TreeEntry,
} from './file-tree.ts';
import { locate } from './resolve-in-root.ts';
import { selectRemembered } from './selection-memory.ts';

/** One thing to be copied, with all that counts for the cache. */
export interface SelectedEntry extends TreeEntry {
  /** Place below the source's own place in the image; empty for the source itself. */
  readonly relative: string;
  /** Hex sha256 of a file's content; undefined for everything else. */
  readonly digest: string | undefined;
  readonly linkName: string | undefined;
  /** Number of the file within its source, for one that has several names there. */
  readonly shared: number | undefined;
  readonly mode: number;
  /** Extended attributes, such as capabilities, where the tree's own attributes mean something. */
  readonly xattrs: Xattrs | undefined;
}

/** What one source word, or one match of its wildcard, stands for. */
export interface SelectedSource {
  /** A directory means its content. */
  readonly kind: 'directory' | 'file';
  /** The name that a file gets inside a destination directory; with --parents, its path. */
  readonly baseName: string;
  readonly entries: readonly SelectedEntry[];
  /** Where the entries lie, when not in the tree that the step takes files from. */
  readonly tree?: FileTree | undefined;
}

export interface Selection {
  readonly sources: readonly SelectedSource[];
  /** Whether a wildcard stood in the words: the destination must then be a directory when several things match. */
  readonly parts: readonly KeyPart[];
}

interface SelectRequest {
  readonly tree: FileTree;
  readonly sources: readonly string[];
  readonly excludes: readonly string[];
  /** The words are names; no wildcard is looked for. */
  readonly literal?: boolean | undefined;
  readonly parents: boolean;
  readonly chmod: ModeChange | undefined;
  /** For errors: file, line and excerpt. */
  readonly place: Place;
  readonly signal: AbortSignal;
}

const WILD = /[*?[]/u;
const isWild = (word: string): boolean => WILD.test(word.replaceAll(/\\./gu, ''));

/** The path inside the tree that a source word names. */
const inTree = (word: string): string => posix.join('/', word).slice(1).replace(/\/$/u, '');

const missing = (request: SelectRequest, word: string): never => {
  const { tree, place } = request;
  const name = inTree(word);
  const found = locate(tree.root, name);
  if (tree.ignore !== undefined && found.stats !== undefined) {
    throw sourcesErrors.sourceIgnored({ source: name, ignoreFile: tree.ignore.file, ...place });
  }
  const folder = posix.dirname(`/${name}`).slice(1);
  const nearby =
    locate(tree.root, folder).stats?.isDirectory() === true
      ? childrenOf(tree, locate(tree.root, folder).path)
      : [];
  const candidates = nearby.filter((each) => !isIgnored(tree, each)).map((each) => posix.basename(each));
  const advice = didYouMean(posix.basename(name), candidates);
  throw sourcesErrors.sourceNotFound({ source: word, where: tree.label, advice, ...place });
};

/** What a source word stands for, and the name that a file gets inside a destination directory. */
interface Match {
  readonly entry: TreeEntry;
  readonly baseName: string;
}

/** A match with its link followed, as for a source that is named without wildcards. */
const followMatch = (request: SelectRequest, entry: TreeEntry): Match => {
  const baseName = posix.basename(entry.name);
  if (request.parents || !entry.stats.isSymbolicLink()) return { entry, baseName };
  const { path, stats } = locate(request.tree.root, entry.name);
  if (stats === undefined || isIgnored(request.tree, path)) return missing(request, entry.name);
  return { entry: { name: path, stats }, baseName };
};

/** Paths that match a pattern, walking only where its fixed start leads. */
const matchWild = async (request: SelectRequest, word: string): Promise<readonly Match[]> => {
  const { tree, parents } = request;
  const pattern = inTree(word);
  const pieces = pattern.split('/');
  const fixed = pieces.slice(0, pieces.findIndex(isWild));
  const start = locate(tree.root, fixed.join('/'));
  if (start.stats?.isDirectory() !== true) return [];
  const rest = pieces.slice(fixed.length).join('/');
  // `**` spans directories only with --parents; elsewhere it is a `*`.
  const matcher = createPatternMatcher([parents ? rest : rest.replaceAll(/\*{2,}/gu, '*')]);
  const depth = rest.includes('**') && parents ? Number.POSITIVE_INFINITY : pieces.length - fixed.length;
  const prefix = start.path === '' ? 0 : start.path.length + 1;
  const all = await walkTree(tree, start.path, { depth });
  const matches: TreeEntry[] = [];
  for (const entry of all) {
    const inside = entry.name.slice(prefix);
    const under = matches.at(-1)?.name;
    if (under !== undefined && entry.name.startsWith(`${under}/`)) continue;
    if (inside.split('/').length <= depth && matcher.judge(inside).matches) matches.push(entry);
  }
  return matches.map((entry) => followMatch(request, entry));
};

const resolveWord = async (request: SelectRequest, word: string): Promise<readonly Match[]> => {
  const literal = request.literal === true;
  if (!literal && isWild(word)) return matchWild(request, word);
  const { tree } = request;
  const name = inTree(literal ? word : word.replaceAll(/\\(.)/gu, '$1'));
  const { path, stats } = locate(tree.root, name);
  if (stats === undefined) return missing(request, word);
  const match = { entry: { name: path, stats }, baseName: posix.basename(name) || posix.basename(path) };
  if (!isIgnored(tree, name) && !isIgnored(tree, path)) return [match];
  // An ignored directory may still hold files that a later pattern takes back.
  const holds = stats.isDirectory() && (await walkTree(tree, path)).length > 0;
  return holds ? [match] : missing(request, word);
};

const complete = async (
  request: SelectRequest,
  entry: TreeEntry,
  relative: string,
): Promise<SelectedEntry> => {
  const { tree, chmod, signal } = request;
  const { stats, name } = entry;
  const own = Number(stats.mode) & 0o7777;
  const digest = stats.isFile() ? tree.digests.digest(name, stats, signal) : undefined;
  return {
    ...entry,
    relative,
    digest: typeof digest === 'object' ? await digest : digest,
    linkName: stats.isSymbolicLink() ? linkTarget(tree, name) : undefined,
    shared: undefined,
    mode: chmod === undefined || stats.isSymbolicLink() ? own : chmod(own, stats.isDirectory()),
    xattrs: tree.keepsOwners ? xattrsAt(hostPath(tree, name)) : undefined,
  };
};

/** With --parents: the path from the pivot `/./`, or from the root of the tree. */
const parentPath = (word: string, entry: TreeEntry): string => {
  const pivot = word.indexOf('/./');
  const dropped = pivot < 0 ? '' : inTree(word.slice(0, pivot));
  return dropped !== '' && entry.name.startsWith(`${dropped}/`)
    ? entry.name.slice(dropped.length + 1)
    : entry.name;
};

/** Directories above a --parents source, which come along with their attributes. */
const parentEntries = async (
  request: SelectRequest,
  entry: TreeEntry,
  path: string,
): Promise<readonly SelectedEntry[]> => {
  const parts = path.split('/').slice(0, -1);
  const skipped = entry.name.length - path.length;
  const found: SelectedEntry[] = [];
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const relative = parts.slice(0, depth).join('/');
    const parent = entryAt(request.tree, entry.name.slice(0, skipped + relative.length));
    if (parent !== undefined) found.push(await complete(request, parent, relative));
  }
  return found;
};

/** Numbers the files that have more than one name among the entries: they stay one file in the image. */
const findShared = (entries: readonly SelectedEntry[]): readonly SelectedEntry[] => {
  const idOf = ({ stats }: SelectedEntry): string | undefined =>
    stats.isFile() && stats.nlink > 1n ? `${stats.dev}:${stats.ino}` : undefined;
  const names = Map.groupBy(entries, idOf);
  const numbers = new Map<string, number>();
  for (const [id, same] of names) if (id !== undefined && same.length > 1) numbers.set(id, numbers.size);
  if (numbers.size === 0) return entries;
  return entries.map((entry) => ({ ...entry, shared: numbers.get(idOf(entry) ?? '') }));
};

const selectOne = async (
  request: SelectRequest,
  word: string,
  { entry, baseName }: Match,
): Promise<SelectedSource> => {
  const { tree, parents, signal } = request;
  const excludes = createPatternMatcher(request.excludes);
  const isDirectory = entry.stats.isDirectory();
  const prefix = parents ? parentPath(word, entry) : '';
  const base = prefix === '' ? entry.name : entry.name.slice(0, -prefix.length - 1);
  const below = isDirectory ? await walkTree(tree, entry.name, { excludes, base }) : [];
  const entries = [...(prefix === '' ? [] : await parentEntries(request, entry, prefix))];
  const turn = createTurns();
  for (const each of [entry, ...below]) {
    signal.throwIfAborted();
    await turn();
    const inside = each === entry ? '' : each.name.slice(entry.name === '' ? 0 : entry.name.length + 1);
    entries.push(await complete(request, each, [prefix, inside].filter((part) => part !== '').join('/')));
  }
  const kind = isDirectory || parents ? 'directory' : 'file';
  return { kind, baseName, entries: findShared(entries) };
};

/** The same; of a directory that is as it was the last time, what was found then. */
const selectMatch = (request: SelectRequest, word: string, match: Match): Promise<SelectedSource> => {
  const { entry, baseName } = match;
  const { tree, excludes, parents, chmod } = request;
  if (chmod !== undefined || !entry.stats.isDirectory()) return selectOne(request, word, match);
  const key = JSON.stringify([word, entry.name, baseName, parents, excludes, tree.ignore?.text]);
  return selectRemembered(tree, key, (watched) => {
    const own = entryAt(watched, entry.name) ?? entry;
    return selectOne({ ...request, tree: watched }, word, { entry: own, baseName });
  });
};

const kindLetter = (entry: SelectedEntry): string => {
  const { stats, shared } = entry;
  if (shared !== undefined) return `h${shared}`;
  if (stats.isDirectory()) return 'd';
  if (stats.isSymbolicLink()) return 'l';
  return stats.isFile() ? 'f' : 's';
};

/** What counts of an entry: kind, mode, owner where it means something, content. Never times. */
const partOf = (tree: FileTree, entry: SelectedEntry): KeyPart => {
  const { stats, mode, digest, linkName, xattrs } = entry;
  const owner = tree.keepsOwners ? `${stats.uid}:${stats.gid}` : '';
  const special =
    stats.isCharacterDevice() || stats.isBlockDevice() || stats.isFIFO() ? `${stats.mode}/${stats.rdev}` : '';
  const bits = stats.isSymbolicLink() ? '' : mode.toString(8);
  const attributes = xattrsText(xattrs);
  const about = [kindLetter(entry), bits, owner, ...(attributes === '' ? [] : [attributes])];
  const value = [...about, digest ?? linkName ?? special].join(' ');
  return { kind: 'file', name: entry.name === '' ? '.' : entry.name, value };
};

/** Of sources that are remembered. */
const knownParts = new WeakMap<SelectedSource, readonly KeyPart[]>();

const partsOf = (tree: FileTree, source: SelectedSource): readonly KeyPart[] => {
  const known = knownParts.get(source);
  if (known !== undefined) return known;
  const { kind, baseName, entries } = source;
  const parts = entries.map((entry, index) => {
    const part = partOf(tree, entry);
    // A link that a wildcard found gives its own name to what it leads to.
    const renamed = index === 0 && kind === 'file' && baseName !== posix.basename(entry.name);
    return renamed ? { ...part, value: `${part.value} as ${baseName}` } : part;
  });
  knownParts.set(source, parts);
  return parts;
};

/**
 * Finds what the source words of COPY and ADD stand for. No link leads out of the tree.
 *
 * @throws `SOURCES_SOURCE_NOT_FOUND`, `SOURCES_SOURCE_IGNORED`
 */
export const selectFiles = async (request: SelectRequest): Promise<Selection> => {
  try {
    return await select(request);
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    // What was there a moment ago is gone, or is something else now.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO' || code === 'EINVAL')
      throw sourcesErrors.contextChanged({ path: inContext(request.tree, path) }, error);
    throw error;
  }
};

const inContext = ({ root, label }: FileTree, path: string | undefined): string =>
  path?.startsWith(`${root}/`) === true ? path.slice(root.length + 1) : label;

const select = async (request: SelectRequest): Promise<Selection> => {
  const sources: SelectedSource[] = [];
  for (const word of request.sources) {
    const excludes = createPatternMatcher(request.excludes);
    for (const match of await resolveWord(request, word)) {
      const own = request.parents ? parentPath(word, match.entry) : match.baseName;
      if (!match.entry.stats.isDirectory() && excludes.matches(own)) continue;
      sources.push(await selectMatch(request, word, match));
    }
  }
  return { sources, parts: sources.flatMap((source) => partsOf(request.tree, source)) };
};
