import { lstatSync, readdirSync } from 'node:fs';
import { decodeName, fsPath } from '#tar';

/** Bytes of all files below a directory, each inode once; directories count nothing, as with Docker. Blocks the thread. */
export const diskUsage = (directory: string): number => {
  const seen = new Set<bigint>();
  const visit = (path: string): number => {
    const stats = lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
    if (stats === undefined || seen.has(stats.ino)) return 0;
    if (stats.nlink > 1n) seen.add(stats.ino);
    if (!stats.isDirectory()) return Number(stats.size);
    let total = 0;
    for (const name of readdirSync(fsPath(path), { encoding: 'buffer' }))
      total += visit(`${path}/${decodeName(name)}`);
    return total;
  };
  return visit(directory);
};
