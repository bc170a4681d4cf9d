import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import type { ImageTree, TreeNode } from './image-tree.ts';

const kindOf = (stats: BigIntStats): TreeNode['kind'] => {
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isFIFO()) return 'fifo';
  if (stats.isCharacterDevice()) return 'char';
  return stats.isBlockDevice() ? 'block' : 'file';
};

/** What another tool unpacked, in the words of `ImageTree`; device numbers and extended attributes are left out. */
export const readDiskTree = (root: string): ImageTree => {
  const inodes = new Map<bigint, TreeNode>();
  const tree = new Map<string, TreeNode>();
  const visit = (path: string): void => {
    const full = join(root, path);
    const stats = lstatSync(full, { bigint: true });
    const kind = kindOf(stats);
    const node = inodes.get(stats.ino) ?? {
      kind,
      mode: Number(stats.mode) & 0o7777,
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      size: kind === 'file' ? Number(stats.size) : 0,
      content: kind === 'file' ? createHash('sha256').update(readFileSync(full)).digest('hex') : undefined,
      linkName: kind === 'symlink' ? readlinkSync(full) : '',
      device: '',
      xattrs: '',
      mtimeNs: stats.mtimeNs,
    };
    inodes.set(stats.ino, node);
    tree.set(path, node);
    if (kind === 'directory') for (const name of readdirSync(full)) visit(join(path, name));
  };
  visit('/');
  return tree;
};
