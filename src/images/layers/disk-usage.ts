import { lstatSync, readdirSync, type BigIntStats } from 'node:fs';
import { decodeName, fsPath } from '#tar';

const PATH_MAX = 4096;

/** Bytes that a file holds or, where that is less, takes up: holes count nothing. */
const allocated = (stats: BigIntStats): number => Math.min(Number(stats.size), Number(stats.blocks) * 512);

export interface UsageRequest {
  readonly path: string;
  /** Count holes in files as nothing, not as zeros. */
  readonly withoutHoles?: boolean | undefined;
}

/** Bytes of all files below a directory, each inode once; directories count nothing, as with Docker. Blocks the thread. */
export const diskUsage = ({ path: directory, withoutHoles }: UsageRequest): number => {
  const seen = new Set<bigint>();
  const visit = (path: string): number => {
    // What is nested deeper than a path reaches cannot be counted.
    if (Buffer.byteLength(path) >= PATH_MAX) return 0;
    const stats = lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
    if (stats === undefined || seen.has(stats.ino)) return 0;
    if (stats.nlink > 1n) seen.add(stats.ino);
    if (!stats.isDirectory()) return withoutHoles === true ? allocated(stats) : Number(stats.size);
    let total = 0;
    for (const name of readdirSync(fsPath(path), { encoding: 'buffer' }))
      total += visit(`${path}/${decodeName(name)}`);
    return total;
  };
  return visit(directory);
};
