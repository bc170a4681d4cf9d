import {
  chmodSync,
  closeSync,
  constants,
  ftruncateSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { errnoOf, lsetXattr, lutimesNs, mknod } from '#sys';
import { encodeName, fsPath } from '#tar';
import { copyFileData } from './file-data.ts';
import type { Attributes, DirectoryNode, FileNode, LayerNode } from './tree-types.ts';

const { S_IFBLK, S_IFCHR, S_IFIFO } = constants as typeof constants & {
  S_IFBLK: number;
  S_IFCHR: number;
  S_IFIFO: number;
};
const SPECIAL = { char: S_IFCHR, block: S_IFBLK, fifo: S_IFIFO } as const;

interface Context {
  readonly tarFd: number;
  /** First path of each inode, for the links that follow. */
  readonly made: Map<LayerNode, string>;
}

/** File systems that cannot keep an attribute are no failure, as in other runtimes. */
const setXattrs = (path: string | Buffer, xattrs: ReadonlyMap<string, Buffer>): void => {
  for (const [name, value] of xattrs) {
    try {
      lsetXattr(path, name, value);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== 'ENOTSUP' && errno !== 'EOPNOTSUPP') throw error;
    }
  }
};

/** Owner first: changing it clears set-uid bits and capabilities. */
const setAttributes = (path: string, node: LayerNode, attributes: Attributes): void => {
  const file = fsPath(path);
  lchownSync(file, attributes.uid, attributes.gid);
  if (node.kind !== 'symlink') chmodSync(file, attributes.mode);
  setXattrs(file, attributes.xattrs);
  lutimesNs(file, attributes.mtimeNs, attributes.mtimeNs);
};

const makeFile = (path: string, node: FileNode, tarFd: number): void => {
  const fd = openSync(fsPath(path), 'wx', 0o600);
  try {
    copyFileData(node, tarFd, {
      write: (bytes, offset) => void writeSync(fd, bytes, 0, bytes.length, offset),
    });
    ftruncateSync(fd, node.size);
  } finally {
    closeSync(fd);
  }
};

const makeNew = (context: Context, node: LayerNode, path: string): void => {
  switch (node.kind) {
    case 'directory':
      mkdirSync(fsPath(path), { mode: 0o700 });
      fillDirectory(context, node, path);
      return;
    case 'whiteout':
      mknod(fsPath(path), S_IFCHR);
      return;
    case 'file':
      makeFile(path, node, context.tarFd);
      break;
    case 'symlink':
      symlinkSync(encodeName(node.target), fsPath(path));
      break;
    case 'char':
    case 'block':
    case 'fifo':
      mknod(fsPath(path), SPECIAL[node.kind] | 0o600, node.major, node.minor);
  }
  setAttributes(path, node, node.attributes);
};

const make = (context: Context, node: LayerNode, path: string): void => {
  const first = context.made.get(node);
  if (first !== undefined) {
    linkSync(fsPath(first), fsPath(path));
    return;
  }
  context.made.set(node, path);
  makeNew(context, node, path);
};

const fillDirectory = (context: Context, node: DirectoryNode, path: string): void => {
  for (const [name, child] of node.children) make(context, child, `${path}/${name}`);
  if (node.opaque) lsetXattr(fsPath(path), 'trusted.overlay.opaque', Buffer.from('y'));
  setAttributes(path, node, node.attributes);
};

/**
 * Makes a layer's tree file by file in `path`, a new directory, in the form that overlay reads. Every parent is a
 * directory made here, so nothing leaves it. Blocks the thread for 100 to 600 µs a file.
 */
export const makeDirectoryForm = (path: string, root: DirectoryNode, tarFd: number): void => {
  mkdirSync(path, { mode: 0o700 });
  fillDirectory({ tarFd, made: new Map() }, root, path);
  if (root.implied) lsetXattr(path, 'trusted.lade.implied', Buffer.from('y'));
};
