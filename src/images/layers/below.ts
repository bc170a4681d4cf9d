import { lstatSync, readdirSync, readlinkSync, type BigIntStats } from 'node:fs';
import { lgetXattr, llistXattr } from '#sys';
import { compareNames, decodeName, encodeName, fsPath } from '#tar';
import type { TreePath } from './tree-path.ts';
import type { Attributes, Below, BelowNode } from './tree-types.ts';

/** Nothing below. */
export const NOTHING_BELOW: Below = { lookup: () => undefined, names: () => [] };

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

/** The merged layers below, seen at a directory of the host. Blocks for some microseconds a look-up. */
export const belowAt = (directory: string): Below => {
  const hostPath = (path: TreePath): string => [directory, ...path].join('/');
  return {
    lookup(path) {
      const host = hostPath(path);
      if (encodeName(path.at(-1) ?? '').length > 255) return undefined;
      const stats = lstatSync(fsPath(host), { bigint: true, throwIfNoEntry: false });
      return stats === undefined ? undefined : nodeOf(host, stats);
    },
    names: (path) =>
      readdirSync(fsPath(hostPath(path)), { encoding: 'buffer' })
        .map(decodeName)
        .sort(compareNames),
  };
};
