import { lstatSync, readdirSync, type BigIntStats } from 'node:fs';
import { errnoOf, lgetXattr } from '#sys';
import { compareNames, decodeName, fsPath } from '#tar';
import { xattrsOf } from './below.ts';
import { layerErrors } from './errors.ts';
import type { Change } from './types.ts';

/** One difference between an upper directory and the layers below it. */
export interface UpperChange {
  /** Names joined by slashes, without a leading one. */
  readonly path: string;
  readonly kind: Change['kind'];
  /** Of what is in the upper directory; undefined for what was deleted. */
  readonly stats: BigIntStats | undefined;
  /** The directory replaces one below rather than adding to it. */
  readonly opaque: boolean;
}

export interface UpperScan {
  readonly upper: string;
  /** Merged root of the layers. */
  readonly lower: string;
  /** Paths to leave out with all below them, as in `UpperChange.path`. */
  readonly ignore: ReadonlySet<string>;
  readonly cancelled: () => boolean;
}

/** The kernel takes paths of 4,095 bytes; a program that goes step by step can nest deeper. */
const refuseDeep = (error: unknown): never => {
  if (errnoOf(error) === 'ENAMETOOLONG') throw layerErrors.nestedTooDeeply({}, error);
  throw error;
};

const statOf = (path: string): BigIntStats | undefined => {
  try {
    return lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    return refuseDeep(error);
  }
};

/** A directory that vanished meanwhile has none: a container may be running. */
const namesIn = (path: string): string[] => {
  try {
    return readdirSync(fsPath(path), { encoding: 'buffer' }).map(decodeName).sort(compareNames);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    return refuseDeep(error);
  }
};

const isWhiteout = (stats: BigIntStats): boolean => stats.isCharacterDevice() && stats.rdev === 0n;

const sameXattrs = (a: string, b: string): boolean => {
  const [left, right] = [xattrsOf(a), xattrsOf(b)];
  return (
    left.size === right.size && [...left].every(([name, value]) => right.get(name)?.equals(value) === true)
  );
};

const isOpaque = (path: string): boolean =>
  lgetXattr(fsPath(path), 'trusted.overlay.opaque')?.toString() === 'y';

interface Pair {
  readonly path: string;
  readonly upper: string;
  readonly lower: string;
  readonly stats: BigIntStats;
  readonly lowerStats: BigIntStats | undefined;
}

/** Whether the root directory itself has another owner, mode or attribute than the one it began as. */
export const rootChanged = (upper: string, reference: string): boolean => {
  const [own, other] = [statOf(upper), statOf(reference)];
  if (own === undefined || other === undefined) return false;
  return (
    own.mode !== other.mode || own.uid !== other.uid || own.gid !== other.gid || !sameXattrs(upper, reference)
  );
};

/** A directory that is in both places counts only for what differs; its time also tells of files made and removed. */
const sameDirectory = (pair: Pair, withTime: boolean): boolean => {
  const { stats, lowerStats } = pair;
  return (
    lowerStats !== undefined &&
    stats.mode === lowerStats.mode &&
    stats.uid === lowerStats.uid &&
    stats.gid === lowerStats.gid &&
    (!withTime || stats.mtimeNs === lowerStats.mtimeNs) &&
    sameXattrs(pair.upper, pair.lower)
  );
};

/** What an opaque directory hides and does not have itself. */
const hiddenChildren = (pair: Pair): UpperChange[] => {
  const own = new Set(namesIn(pair.upper));
  return namesIn(pair.lower)
    .filter((name) => !own.has(name))
    .map((name) => ({ path: `${pair.path}/${name}`, kind: 'deleted', stats: undefined, opaque: false }));
};

const scanDirectory = (scan: UpperScan, pair: Pair): UpperChange[] => {
  const { path, stats, lowerStats } = pair;
  const replaces = lowerStats !== undefined && !lowerStats.isDirectory();
  const opaque = lowerStats?.isDirectory() === true && isOpaque(pair.upper);
  const { changes, ignored } = scanChildren(scan, pair);
  if (opaque) changes.push(...hiddenChildren(pair));
  const merged = lowerStats?.isDirectory() === true && !opaque;
  const touched = merged ? !sameDirectory(pair, !ignored) : replaces || opaque || !ignored;
  if (changes.length === 0 && !touched) return [];
  const kind = lowerStats === undefined ? 'added' : 'modified';
  return [{ path, kind, stats, opaque }, ...changes];
};

const scanEntry = (scan: UpperScan, pair: Pair): UpperChange[] => {
  const { path, stats, lowerStats } = pair;
  if (isWhiteout(stats))
    return lowerStats === undefined ? [] : [{ path, kind: 'deleted', stats: undefined, opaque: false }];
  if (stats.isDirectory()) return scanDirectory(scan, pair);
  return [{ path, kind: lowerStats === undefined ? 'added' : 'modified', stats, opaque: false }];
};

const scanChildren = (
  scan: UpperScan,
  parent: Pick<Pair, 'path' | 'upper' | 'lower' | 'lowerStats'>,
): { readonly changes: UpperChange[]; readonly ignored: boolean } => {
  const changes: UpperChange[] = [];
  let ignored = false;
  for (const name of namesIn(parent.upper)) {
    if (scan.cancelled()) break;
    const path = parent.path === '' ? name : `${parent.path}/${name}`;
    if (scan.ignore.has(path)) {
      ignored = true;
      continue;
    }
    const [upper, lower] = [`${parent.upper}/${name}`, `${parent.lower}/${name}`];
    const stats = statOf(upper);
    // Below something that is no directory there is nothing; asking might follow a link.
    const lowerStats = parent.lowerStats?.isDirectory() === true ? statOf(lower) : undefined;
    if (stats !== undefined) changes.push(...scanEntry(scan, { path, upper, lower, stats, lowerStats }));
  }
  return { changes, ignored };
};

/** All differences, parents before children, names in the order of their bytes. Blocks the thread. */
export const scanUpper = (scan: UpperScan): UpperChange[] => {
  const root = { path: '', upper: scan.upper, lower: scan.lower, lowerStats: statOf(scan.lower) };
  return scanChildren(scan, root).changes;
};
