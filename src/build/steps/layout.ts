import { lstatSync, type BigIntStats } from 'node:fs';
import { posix } from 'node:path';
import type { Place } from '#dockerfile';
import { compareNames, fsPath, type TarKind } from '#tar';
import {
  parseModeChange,
  xattrsAt,
  type FileTree,
  type Xattrs,
  locate,
  type SelectedEntry,
  type SelectedSource,
} from '#sources';
import { stepsErrors } from './errors.ts';

/** Something that a new layer will hold. */
export type PlacedEntry =
  | {
      readonly kind: 'selected';
      readonly path: string;
      readonly entry: SelectedEntry;
      /** Where it lies, when not in the step's own tree. */
      readonly tree: FileTree | undefined;
      /** Entries with the same text are one file with several names. */
      readonly shared: string | undefined;
    }
  /** A directory that the build makes, or one of the image that the layer passes through. */
  | {
      readonly kind: 'directory';
      readonly path: string;
      readonly mode: number;
      readonly owner: { readonly uid: number; readonly gid: number } | 'new';
      /** Undefined for a new one that takes no other's place. */
      readonly mtimeNs: bigint | undefined;
      readonly xattrs?: Xattrs | undefined;
    }
  | { readonly kind: 'text'; readonly path: string; readonly content: Buffer; readonly mode: number };

/** The image that a step builds on, as far as it matters for where things go. */
export interface Ground {
  /** Merged root on the host; undefined where nothing is below. */
  readonly root: string | undefined;
}

const NEW_DIRECTORY_MODE = 0o755;

/** Mode of the directories that a step makes: what `--chmod` says in octal counts for them too, as with BuildKit. */
export const newDirectoryMode = (chmod: string | undefined): number =>
  chmod !== undefined && /^[0-7]{1,4}$/u.test(chmod) ? Number.parseInt(chmod, 8) : NEW_DIRECTORY_MODE;

const newDirectory = (path: string, mode: number): PlacedEntry => ({
  kind: 'directory',
  path,
  mode,
  owner: 'new',
  mtimeNs: undefined,
});

const existingDirectory = (root: string, path: string, stats: BigIntStats): PlacedEntry => ({
  kind: 'directory',
  path,
  mode: Number(stats.mode) & 0o7777,
  owner: { uid: Number(stats.uid), gid: Number(stats.gid) },
  mtimeNs: stats.mtimeNs,
  xattrs: xattrsAt(`${root}/${path}`),
});

const prefixes = (path: string): readonly string[] => {
  const parts = path.split('/').filter((part) => part !== '');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
};

const statOn = (ground: Ground, path: string): BigIntStats | undefined =>
  ground.root === undefined
    ? undefined
    : lstatSync(fsPath(`${ground.root}/${path}`), { bigint: true, throwIfNoEntry: false });

/**
 * The directories down to `path` (a path without links), as they are, or new ones where there are none. The layer
 * holds them all, so that it means the same without what is below it.
 */
export const directoriesTo = (
  ground: Ground,
  path: string,
  place: Place,
  mode = NEW_DIRECTORY_MODE,
): readonly PlacedEntry[] =>
  prefixes(path).map((prefix): PlacedEntry => {
    const stats = statOn(ground, prefix);
    if (stats === undefined || ground.root === undefined) return newDirectory(prefix, mode);
    if (!stats.isDirectory()) {
      throw stepsErrors.copyConflict({ problem: `cannot copy to non-directory: /${prefix}`, ...place });
    }
    return existingDirectory(ground.root, prefix, stats);
  });

/** Where a destination leads: links of the image are followed. */
export const locateOn = (ground: Ground, path: string) =>
  ground.root === undefined
    ? {
        path: path
          .split('/')
          .filter((part) => part !== '')
          .join('/'),
        stats: undefined,
      }
    : locate(ground.root, path);

interface LayoutRequest {
  readonly sources: readonly SelectedSource[];
  readonly inline: readonly { readonly name: string; readonly content: string }[];
  readonly destination: string;
  readonly chmod?: string | undefined;
  readonly ground: Ground;
  /** A layer that stands by itself: what is below is not looked at. */
  readonly link: boolean;
  readonly place: Place;
}

const TEXT_MODE = 0o644;

const checkConflict = (request: LayoutRequest, path: string, isDirectory: boolean): void => {
  const stats = request.link ? undefined : statOn(request.ground, path);
  if (stats === undefined || stats.isDirectory() === isDirectory) return;
  if (!isDirectory && !stats.isDirectory()) return;
  const problem = isDirectory
    ? `cannot copy to non-directory: /${path}`
    : `cannot overwrite directory /${path} with a file`;
  throw stepsErrors.copyConflict({ problem, ...request.place });
};

const join = (base: string, relative: string): string =>
  [base, relative].filter((part) => part !== '').join('/');

/** Whether files go into the destination rather than becoming it. */
const isFolder = (request: LayoutRequest, exists: boolean): boolean => {
  const { destination, sources, inline, place } = request;
  const written = destination.endsWith('/');
  const files = sources.filter((source) => source.kind === 'file').length + inline.length;
  if (sources.length + inline.length > 1 && files > 0 && !written && !exists) {
    const problem =
      'when using more than one source file, the destination must be a directory and end with a /';
    throw stepsErrors.badInstruction({ problem, ...place });
  }
  return written || exists;
};

/** Parents first, names in byte order. Mostly they come in this order already. */
const sorted = (entries: readonly PlacedEntry[]): readonly PlacedEntry[] => {
  const named = entries.map((entry) => ({ name: `${entry.path}/`, entry }));
  const inOrder = named.every(
    ({ name }, index) => index === 0 || compareNames(named[index - 1]?.name ?? '', name) < 0,
  );
  return inOrder ? entries : named.toSorted((a, b) => compareNames(a.name, b.name)).map(({ entry }) => entry);
};

/** Decides the place of everything; later sources win over earlier ones. Sorted, parents first. */
export const layOut = (request: LayoutRequest): readonly PlacedEntry[] => {
  const { sources, inline, ground, link, place } = request;
  const target = locateOn(link ? { root: undefined } : ground, request.destination);
  const folder = isFolder(request, target.stats?.isDirectory() === true);
  const mode = newDirectoryMode(request.chmod);
  const placed = new Map<string, PlacedEntry>();
  const put = (entry: PlacedEntry): void => void placed.set(entry.path, entry);
  const single = (name: string): string => (folder ? join(target.path, name) : target.path);
  const needed =
    folder || sources.some((source) => source.kind === 'directory')
      ? target.path
      : posix.dirname(`/${target.path}`).slice(1);
  // A layer that stands by itself brings the directories above its files along.
  directoriesTo(link ? { root: undefined } : ground, needed, place, mode).forEach(put);
  for (const [number, source] of sources.entries()) {
    for (const entry of source.entries) {
      const path = source.kind === 'file' ? single(source.baseName) : join(target.path, entry.relative);
      const isDirectory = entry.stats.isDirectory();
      if (path === target.path && isDirectory) {
        // A directory means its content; of itself only the time shows.
        const own = placed.get(path);
        if (own?.kind === 'directory') put({ ...own, mtimeNs: entry.stats.mtimeNs });
        continue;
      }
      checkConflict(request, path, isDirectory);
      const shared = entry.shared === undefined ? undefined : `${number}:${entry.shared}`;
      put({ kind: 'selected', path, entry, tree: source.tree, shared });
    }
  }
  for (const { name, content } of inline) {
    const path = single(name);
    checkConflict(request, path, false);
    const textMode = parseModeChange(request.chmod ?? '')?.(TEXT_MODE, false) ?? TEXT_MODE;
    put({ kind: 'text', path, content: Buffer.from(content), mode: textMode });
  }
  return sorted([...placed.values()]);
};

export const kindOf = (stats: BigIntStats): TarKind => {
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isCharacterDevice()) return 'char';
  if (stats.isBlockDevice()) return 'block';
  return stats.isFIFO() ? 'fifo' : 'file';
};
