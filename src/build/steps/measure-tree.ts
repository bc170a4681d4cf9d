import { lstatSync, readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { decodeName, fsPath } from '#tar';

const PATH_MAX = 4096;
const BLOCK = 512;
/** Longest time without giving other work a turn, in milliseconds. */
const TURN = 5;

/**
 * Bytes on disk of what a directory holds, each inode once; nothing for what goes away meanwhile, or is nested deeper
 * than a path reaches. Steps may write there at the same time.
 */
export const measureTree = async (directory: string, signal?: AbortSignal): Promise<number> => {
  const waiting = [directory];
  const seen = new Set<bigint>();
  let bytes = 0;
  let since = performance.now();
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (performance.now() - since > TURN) {
      await setImmediate();
      signal?.throwIfAborted();
      since = performance.now();
    }
    if (Buffer.byteLength(path) >= PATH_MAX) continue;
    try {
      const stats = lstatSync(fsPath(path), { bigint: true });
      if (stats.nlink > 1n && !stats.isDirectory() && seen.has(stats.ino)) continue;
      seen.add(stats.ino);
      bytes += Number(stats.blocks) * BLOCK;
      if (!stats.isDirectory()) continue;
      for (const name of readdirSync(fsPath(path), { encoding: 'buffer' }))
        waiting.push(`${path}/${decodeName(name)}`);
    } catch {
      // Gone, or a directory that became something else.
    }
  }
  return bytes;
};
