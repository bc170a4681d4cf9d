import { closeSync, lstatSync, readlinkSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { openInRoot } from '#sys';
import { openDirectory } from '#trees';
import type { PathStat } from './types.ts';
import type { PathRoot } from './path-root.ts';

const O_PATH = 0o10000000;

/** Bits of Go's os.FileMode. */
const GO_MODE = {
  directory: 2 ** 31,
  symlink: 2 ** 27,
  device: 2 ** 26,
  pipe: 2 ** 25,
  socket: 2 ** 24,
  setuid: 2 ** 23,
  setgid: 2 ** 22,
  characterDevice: 2 ** 21,
  sticky: 2 ** 20,
} as const;

const typeBits = (stat: Stats): number => {
  if (stat.isDirectory()) return GO_MODE.directory;
  if (stat.isSymbolicLink()) return GO_MODE.symlink;
  if (stat.isBlockDevice()) return GO_MODE.device;
  if (stat.isCharacterDevice()) return GO_MODE.device + GO_MODE.characterDevice;
  if (stat.isFIFO()) return GO_MODE.pipe;
  return stat.isSocket() ? GO_MODE.socket : 0;
};

/** A mode as Go's os.FileMode has it. */
export const goFileMode = (stat: Stats): number =>
  (stat.mode & 0o777) +
  typeBits(stat) +
  ((stat.mode & 0o4000) === 0 ? 0 : GO_MODE.setuid) +
  ((stat.mode & 0o2000) === 0 ? 0 : GO_MODE.setgid) +
  ((stat.mode & 0o1000) === 0 ? 0 : GO_MODE.sticky);

/** Where a link leads, as a path in the container; the link's own text where nothing is there. */
const linkTarget = (root: PathRoot, path: string, text: string): string => {
  try {
    const fd = openInRoot(root.fd, path, { flags: O_PATH });
    try {
      const base = readlinkSync(`/proc/self/fd/${root.fd}`);
      const found = readlinkSync(`/proc/self/fd/${fd}`);
      const inside = base === '/' ? found : found.slice(base.length);
      return posix.join('/', root.prefix, inside);
    } finally {
      closeSync(fd);
    }
  } catch {
    return posix.resolve(posix.join('/', root.prefix, posix.dirname(path)), text);
  }
};

/** What is at the root's path; the last part is not followed. Throws what node:fs and `openInRoot` throw. */
export const statInRoot = (root: PathRoot): Stats => {
  if (root.inner === '/') return lstatSync(`/proc/self/fd/${root.fd}/.`);
  using parent = openDirectory(root.fd, posix.dirname(root.inner));
  return lstatSync(parent.entry(posix.basename(root.inner)));
};

/** Name, size, mode, time and link target of a path for the X-Docker-Container-Path-Stat header. */
export const describePath = (root: PathRoot): PathStat => {
  const stat = statInRoot(root);
  const target = (): string => {
    using parent = openDirectory(root.fd, posix.dirname(root.inner));
    const text = readlinkSync(parent.entry(posix.basename(root.inner)));
    return linkTarget(root, root.inner, text);
  };
  return {
    name: root.name === '' ? '/' : root.name,
    size: stat.size,
    mode: goFileMode(stat),
    mtime: stat.mtime.toISOString(),
    linkTarget: stat.isSymbolicLink() ? target() : '',
  };
};
