import { lstatSync, readdirSync, readlinkSync, type BigIntStats } from 'node:fs';
import { lgetXattr, llistXattr } from '#sys';
import { compareNames, decodeName, encodeName, fsPath } from '#tar';
import type { TreePath } from './tree-path.ts';
import type { Attributes, Below, BelowNode } from './tree-types.ts';

/** Nothing below. */
export const NOTHING_BELOW: Below = { lookup: () => undefined, names: () => [], namesOf: () => [] };

/** The attributes of a file on the host without those that overlay keeps there for itself. */
export const xattrsOf = (path: string): ReadonlyMap<string, Buffer> => {
  const xattrs = new Map<string, Buffer>();
  const file = fsPath(path);
  for (const name of llistXattr(file)) {
    if (name.startsWith('trusted.overlay.') || name.startsWith('trusted.lade.')) continue;
    const value = lgetXattr(file, name);
    if (value !== undefined) xattrs.set(name, value);
  }
  return xattrs;
};

export const attributesOf = (path: string, stats: BigIntStats): Attributes => ({
  mode: Number(stats.mode) & 0o7777,
  uid: Number(stats.uid),
  gid: Number(stats.gid),
  mtimeNs: stats.mtimeNs,
  xattrs: xattrsOf(path),
});

/** Major and minor number of a device number as stat(2) gives it. */
export const deviceOf = (rdev: bigint): readonly [major: number, minor: number] => [
  Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xffff_f000n)),
  Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffff_ff00n)),
];

const nodeOf = (path: string, stats: BigIntStats): BelowNode => {
  if (stats.isSocket()) return { kind: 'socket' };
  const attributes = attributesOf(path, stats);
  if (stats.isDirectory()) return { kind: 'directory', attributes };
  if (stats.isFile()) return { kind: 'file', attributes, size: Number(stats.size), hostPath: fsPath(path) };
  if (stats.isSymbolicLink()) {
    const target = decodeName(readlinkSync(fsPath(path), { encoding: 'buffer' }));
    return { kind: 'symlink', attributes, target };
  }
  const [major, minor] = deviceOf(stats.rdev);
  if (stats.isFIFO()) return { kind: 'fifo', attributes, major: 0, minor: 0 };
  return { kind: stats.isBlockDevice() ? 'block' : 'char', attributes, major, minor };
};

const inodeOf = (stats: BigIntStats): string => `${stats.dev}:${stats.ino}`;

const namesIn = (path: string): string[] =>
  readdirSync(fsPath(path), { encoding: 'buffer' }).map(decodeName).sort(compareNames);

/** The paths of every file that has several names, by inode. Takes some microseconds for each file there is. */
const severalNames = (directory: string): ReadonlyMap<string, readonly TreePath[]> => {
  const found = new Map<string, TreePath[]>();
  const visit = (host: string, path: TreePath): void => {
    for (const name of namesIn(host)) {
      const stats = lstatSync(fsPath(`${host}/${name}`), { bigint: true });
      if (stats.isDirectory()) visit(`${host}/${name}`, [...path, name]);
      else if (stats.nlink > 1n)
        found.set(inodeOf(stats), [...(found.get(inodeOf(stats)) ?? []), [...path, name]]);
    }
  };
  visit(directory, []);
  return found;
};

/** The merged layers below, seen at a directory of the host. Blocks for some microseconds a look-up. */
export const belowAt = (directory: string): Below => {
  const hostPath = (path: TreePath): string => [directory, ...path].join('/');
  let shared: ReadonlyMap<string, readonly TreePath[]> | undefined;
  const statOf = (path: TreePath): BigIntStats | undefined =>
    lstatSync(fsPath(hostPath(path)), { bigint: true, throwIfNoEntry: false });
  return {
    lookup(path) {
      if (encodeName(path.at(-1) ?? '').length > 255) return undefined;
      const stats = statOf(path);
      return stats === undefined ? undefined : nodeOf(hostPath(path), stats);
    },
    names: (path) => namesIn(hostPath(path)),
    namesOf(path) {
      const stats = statOf(path);
      if (stats === undefined || stats.nlink < 2n || stats.isDirectory()) return [];
      shared ??= severalNames(directory);
      return shared.get(inodeOf(stats)) ?? [];
    },
  };
};
