import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const BLOCK_BYTES = 512;

interface Tally {
  bytes: number;
  readonly links: Set<string>;
}

const count = (tally: Tally, stat: Stats): void => {
  if (stat.nlink > 1 && !stat.isDirectory()) {
    const key = `${stat.dev}:${stat.ino}`;
    if (tally.links.has(key)) return;
    tally.links.add(key);
  }
  tally.bytes += stat.blocks * BLOCK_BYTES;
};

const entriesOf = (directory: string): Promise<readonly Dirent[]> =>
  readdir(directory, { withFileTypes: true }).catch(() => []);

const walk = async (directory: string, tally: Tally): Promise<void> => {
  for (const entry of await entriesOf(directory)) {
    const path = join(directory, entry.name);
    const stat = await lstat(path).catch(() => undefined);
    if (stat === undefined) continue;
    count(tally, stat);
    if (stat.isDirectory()) await walk(path, tally);
  }
};

/** Bytes on disk below a directory; a file with several links counts once, what vanishes meanwhile not at all. */
export const diskUsage = async (directory: string): Promise<number> => {
  const tally: Tally = { bytes: 0, links: new Set() };
  await walk(directory, tally);
  return tally.bytes;
};
