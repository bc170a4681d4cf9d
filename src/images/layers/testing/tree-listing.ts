import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type BigIntStats,
} from 'node:fs';
import { compareNames, decodeName, fsPath } from '#tar';
import { deviceOf, xattrsOf } from '../below.ts';

const TYPES: Readonly<Record<number, string>> = {
  0o010000: 'fifo',
  0o020000: 'char',
  0o040000: 'directory',
  0o060000: 'block',
  0o100000: 'file',
  0o120000: 'symlink',
  0o140000: 'socket',
};

/** Files up to here are hashed whole. */
const WHOLE = 64 << 20;
const WINDOW = 8192;
const STRIDE = 64 << 20;

/** Where a file that is too large to read is looked at: its ends, and around each multiple of 64 MiB. */
const windowsOf = (size: number): number[] => {
  const starts = [0, size - WINDOW];
  for (let at = STRIDE; at < size; at += STRIDE) starts.push(at - WINDOW / 2);
  return starts;
};

/** The digest of a file's content; of parts of it where the file is larger than 64 MiB. */
const contentOf = (path: string): string => {
  const fd = openSync(fsPath(path), 'r');
  try {
    const { size } = fstatSync(fd);
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(size > WHOLE ? WINDOW : 1 << 20);
    if (size > WHOLE)
      for (const at of windowsOf(size)) hash.update(buffer.subarray(0, readSync(fd, buffer, 0, WINDOW, at)));
    else
      for (let at = 0, read = -1; read !== 0; at += read) {
        read = readSync(fd, buffer, 0, buffer.length, at);
        hash.update(buffer.subarray(0, read));
      }
    return hash.digest('hex').slice(0, 16);
  } finally {
    closeSync(fd);
  }
};

const detailOf = (path: string, type: string, stats: BigIntStats): string => {
  if (type === 'file') return `${stats.size} ${contentOf(path)}`;
  if (type === 'symlink') return `-> ${decodeName(readlinkSync(fsPath(path), { encoding: 'buffer' }))}`;
  return type === 'char' || type === 'block' ? deviceOf(stats.rdev).join(',') : '';
};

const attributesOf = (path: string): string =>
  [...xattrsOf(path)]
    .map(([name, value]) => `${name}=${value.toString('hex')}`)
    .sort()
    .join(' ');

/**
 * One line for each file below a directory and for itself, with everything a container could tell about it: type, mode,
 * owner, size, content, target, device number, time to the nanosecond, extended attributes, and of which path it is
 * another name. Two roots are the same when their listings are.
 */
export const listTree = (root: string): readonly string[] => {
  const first = new Map<bigint, string>();
  const lines: string[] = [];
  const visit = (path: string): void => {
    const host = `${root}${path}`;
    const stats = lstatSync(fsPath(host), { bigint: true });
    const type = TYPES[Number(stats.mode) & 0o170000] ?? 'unknown';
    const isDirectory = type === 'directory';
    const same = isDirectory ? undefined : first.get(stats.ino);
    if (!isDirectory) first.set(stats.ino, same ?? path);
    lines.push(
      [
        path === '' ? '/' : path,
        type,
        (Number(stats.mode) & 0o7777).toString(8),
        `${stats.uid}:${stats.gid}`,
        `@${stats.mtimeNs}`,
        detailOf(host, type, stats),
        attributesOf(host),
        same === undefined ? '' : `= ${same}`,
      ]
        .filter(Boolean)
        .join(' '),
    );
    if (!isDirectory) return;
    const names = readdirSync(fsPath(host), { encoding: 'buffer' }).map(decodeName).sort(compareNames);
    for (const name of names) visit(`${path}/${name}`);
  };
  visit('');
  return lines;
};
