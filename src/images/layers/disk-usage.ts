import { lstatSync, readdirSync } from 'node:fs';
import { decodeName, fsPath } from '#tar';

/** Bytes that a directory and all below it take on disk, each inode once, as `du` counts. Blocks the thread. */
export const diskUsage = (directory: string): number => {
  const seen = new Set<bigint>();
  const visit = (path: string): number => {
    const stats = lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
    if (stats === undefined || seen.has(stats.ino)) return 0;
    if (stats.nlink > 1n) seen.add(stats.ino);
    let total = Number(stats.blocks) * 512;
    if (stats.isDirectory())
      for (const name of readdirSync(fsPath(path), { encoding: 'buffer' }))
        total += visit(`${path}/${decodeName(name)}`);
    return total;
  };
  return visit(directory);
};
