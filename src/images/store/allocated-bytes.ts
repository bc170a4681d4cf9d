import { lstat, readdir } from 'node:fs/promises';

/** `st_blocks` counts in these, whatever the file system's own blocks are (stat(2)). */
const BLOCK = 512;

/** How many entries of a directory are looked at together. */
const AT_ONCE = 32;

const SLASH = Buffer.from('/');

const below = (path: Buffer, name: Buffer): Buffer => Buffer.concat([path, SLASH, name]);

/**
 * Bytes that the file system has allocated for a file or a directory with all below it, as `du -x -B1` counts: each
 * inode once, directories too, nothing of other file systems mounted there. What goes meanwhile counts nothing.
 */
export const allocatedBytes = async (
  path: string | Buffer,
  seen: Set<number> = new Set(),
  device?: number,
): Promise<number> => {
  const bytes = Buffer.from(path);
  const stats = await lstat(bytes).catch(() => undefined);
  if (stats === undefined || (device !== undefined && stats.dev !== device)) return 0;
  if (stats.nlink > 1 && !stats.isDirectory()) {
    if (seen.has(stats.ino)) return 0;
    seen.add(stats.ino);
  }
  let total = stats.blocks * BLOCK;
  if (!stats.isDirectory()) return total;
  const names = await readdir(bytes, { encoding: 'buffer' }).catch(() => []);
  for (let index = 0; index < names.length; index += AT_ONCE) {
    const sizes = names
      .slice(index, index + AT_ONCE)
      .map((name) => allocatedBytes(below(bytes, name), seen, stats.dev));
    for (const size of await Promise.all(sizes)) total += size;
  }
  return total;
};
