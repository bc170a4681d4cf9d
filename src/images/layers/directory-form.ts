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
import { layerErrors } from './errors.ts';
import { copyFileData } from './file-data.ts';
import type { Attributes, DirectoryNode, FileNode, LayerNode } from './tree-types.ts';

const { S_IFBLK, S_IFCHR, S_IFIFO } = constants as typeof constants & {
  S_IFBLK: number;
  S_IFCHR: number;
  S_IFIFO: number;
};
const SPECIAL = { char: S_IFCHR, block: S_IFBLK, fifo: S_IFIFO } as const;

/** The kernel takes no longer paths; from here on a directory is named by an open descriptor. */
const LONG_PATH = 2048;

interface Context {
  readonly tarFd: number;
  /** First path of each inode, for the links that follow. */
  readonly made: Map<LayerNode, string>;
  /** Directories that are named by descriptors; closed at the end. */
  readonly opened: number[];
}

/** What a file system says of attributes that are too large for it; ext4 keeps about 4 KiB for each file. */
const TOO_LARGE: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'E2BIG', 'ERANGE']);
const SMALL = 512;

/** File systems that cannot keep an attribute are no failure, as in other runtimes. */
const setXattrs = (path: string, xattrs: ReadonlyMap<string, Buffer>): void => {
  const size = [...xattrs.values()].reduce((sum, value) => sum + value.length, 0);
  for (const [name, value] of xattrs) {
    try {
      lsetXattr(fsPath(path), name, value);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOTSUP' || errno === 'EOPNOTSUPP') continue;
      if (size < SMALL || !TOO_LARGE.has(errno)) throw error;
      const file = path.slice(path.lastIndexOf('/') + 1);
      throw layerErrors.cannotKeep({ file, reason: `its attributes have ${size} bytes` }, error);
    }
  }
};

/** Owner first: changing it clears set-uid bits and capabilities. */
const setAttributes = (path: string, node: LayerNode, attributes: Attributes): void => {
  const file = fsPath(path);
  lchownSync(file, attributes.uid, attributes.gid);
  if (node.kind !== 'symlink') chmodSync(file, attributes.mode);
  setXattrs(path, attributes.xattrs);
  lutimesNs(file, attributes.mtimeNs, attributes.mtimeNs);
};

const setSize = (fd: number, size: number, path: string): void => {
  try {
    ftruncateSync(fd, size);
  } catch (error) {
    if (errnoOf(error) !== 'EFBIG') throw error;
    const file = path.slice(path.lastIndexOf('/') + 1);
    throw layerErrors.cannotKeep({ file, reason: `it has ${size} bytes` }, error);
  }
};

const makeFile = (path: string, node: FileNode, tarFd: number): void => {
  const fd = openSync(fsPath(path), 'wx', 0o600);
  try {
    copyFileData(node, tarFd, {
      write: (bytes, offset) => void writeSync(fd, bytes, 0, bytes.length, offset),
    });
    setSize(fd, node.size, path);
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

const shortened = (context: Context, path: string): string => {
  if (Buffer.byteLength(path) < LONG_PATH) return path;
  const fd = openSync(fsPath(path), constants.O_DIRECTORY | constants.O_RDONLY);
  context.opened.push(fd);
  return `/proc/self/fd/${fd}`;
};

const fillDirectory = (context: Context, node: DirectoryNode, path: string): void => {
  const folder = node.children.size === 0 ? path : shortened(context, path);
  for (const [name, child] of node.children) make(context, child, `${folder}/${name}`);
  if (node.opaque) lsetXattr(fsPath(path), 'trusted.overlay.opaque', Buffer.from('y'));
  setAttributes(path, node, node.attributes);
};

/**
 * Makes a layer's tree file by file in `path`, a new directory, in the form that overlay reads. Every parent is a
 * directory made here, so nothing leaves it. Blocks the thread for 100 to 600 µs a file.
 */
export const makeDirectoryForm = (path: string, root: DirectoryNode, tarFd: number): void => {
  mkdirSync(path, { mode: 0o700 });
  const context: Context = { tarFd, made: new Map(), opened: [] };
  try {
    fillDirectory(context, root, path);
  } finally {
    for (const fd of context.opened) closeSync(fd);
  }
  if (root.implied) lsetXattr(path, 'trusted.lade.implied', Buffer.from('y'));
};
