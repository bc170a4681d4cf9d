import {
  chmodSync,
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

type Target =
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'file'; readonly mode: number };

const PLAIN: Target = { kind: 'directory', mode: 0o755 };

/** Makes one entry of an open directory, whose times stay as they were. */
const makeIn = (parent: number, name: string, wanted: Target): void => {
  const before = fstatSync(parent);
  const path = `/proc/self/fd/${parent}/${name}`;
  if (wanted.kind === 'directory') {
    mkdirSync(path);
    chmodSync(path, wanted.mode);
  } else writeFileSync(path, '', { flag: 'wx', mode: wanted.mode });
  futimesSync(parent, before.atime, before.mtime);
};

const makeTarget = (root: number, target: string, wanted: Target): void => {
  if (target === '/' || exists(root, target)) return;
  const parentPath = posix.dirname(target);
  makeTarget(root, parentPath, PLAIN);
  const parent = openInRoot(root, parentPath, { flags: DIRECTORY });
  try {
    makeIn(parent, posix.basename(target), wanted);
  } finally {
    closeSync(parent);
  }
};

const TMPFS_MODE = 0o1777;

/** An empty file by which programs tell that they run in a container of Docker's kind. */
const MARK = '/.dockerenv';

/** The runtime gives a tmpfs the mode of the directory it covers, so a new one gets the mode that was asked for. */
const targetOf = (mount: MountInput): Target => {
  if (mount.kind === 'bind')
    return statSync(mount.source).isDirectory() ? PLAIN : { kind: 'file', mode: 0o644 };
  const mode = mount.options?.map((option) => /^mode=([0-7]+)$/.exec(option)?.[1]).find(Boolean);
  return { kind: 'directory', mode: mode === undefined ? TMPFS_MODE : Number.parseInt(mode, 8) };
};

/**
 * Makes what mounts of a container need to cover, inside its root, without following links out of it, and /.dockerenv.
 *
 * The runtime would do it too, but would touch the times of directories, which then look changed to `diff` and
 * `commit`.
 */
export const makeMountTargets = (rootfs: string, mounts: readonly MountInput[]): void => {
  const root = openSync(rootfs, O_PATH | constants.O_DIRECTORY);
  try {
    for (const mount of mounts) makeTarget(root, mount.target, targetOf(mount));
    makeTarget(root, MARK, { kind: 'file', mode: 0o755 });
  } finally {
    closeSync(root);
  }
};
