import {
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  mkdirSync,
  openSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { posix } from 'node:path';
import { errnoOf, openInRoot } from '#sys';
import type { MountInput } from '#runtime';

const O_PATH = 0o10000000;
const DIRECTORY = constants.O_DIRECTORY | constants.O_RDONLY;

const exists = (root: number, path: string): boolean => {
  try {
    closeSync(openInRoot(root, path, { flags: O_PATH }));
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
};

/** Makes one entry of an open directory, whose times stay as they were. */
const makeIn = (parent: number, name: string, kind: 'directory' | 'file'): void => {
  const before = fstatSync(parent);
  const path = `/proc/self/fd/${parent}/${name}`;
  if (kind === 'directory') mkdirSync(path, { mode: 0o755 });
  else writeFileSync(path, '', { flag: 'wx', mode: 0o644 });
  futimesSync(parent, before.atime, before.mtime);
};

const makeTarget = (root: number, target: string, kind: 'directory' | 'file'): void => {
  if (target === '/' || exists(root, target)) return;
  const parentPath = posix.dirname(target);
  makeTarget(root, parentPath, 'directory');
  const parent = openInRoot(root, parentPath, { flags: DIRECTORY });
  try {
    makeIn(parent, posix.basename(target), kind);
  } finally {
    closeSync(parent);
  }
};

const kindOf = (mount: MountInput): 'directory' | 'file' =>
  mount.kind === 'tmpfs' || statSync(mount.source).isDirectory() ? 'directory' : 'file';

/**
 * Makes what mounts of a container need to cover, inside its root, without following links out of it.
 *
 * The runtime would do it too, but would touch the times of directories, which then look changed to `diff` and
 * `commit`.
 */
export const makeMountTargets = (rootfs: string, mounts: readonly MountInput[]): void => {
  const root = openSync(rootfs, O_PATH | constants.O_DIRECTORY);
  try {
    for (const mount of mounts) makeTarget(root, mount.target, kindOf(mount));
  } finally {
    closeSync(root);
  }
};
