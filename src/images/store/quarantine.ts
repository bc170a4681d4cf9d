import { lstat, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Row } from '#database';
import { algorithmOf, hexOf, type Digest } from '#oci';
import { blobPath, statBlob } from './blobs.ts';
import type { CollectDependencies } from './collect.ts';

const exists = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => undefined)) !== undefined;

/** A path in quarantine/ that nothing has. */
export const quarantinePlace = async (root: string, name: string): Promise<string> => {
  const directory = join(root, 'quarantine');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (let count = 0; ; count += 1) {
    const path = join(directory, count === 0 ? name : `${name}.${count}`);
    if (!(await exists(path))) return path;
  }
};

export const quarantineBlob = (
  { database, lock, paths }: CollectDependencies,
  digest: Digest,
): Promise<string | undefined> =>
  lock(digest, async () => {
    const source = blobPath(paths, digest);
    const target = await quarantinePlace(paths.root, `${algorithmOf(digest)}-${hexOf(digest)}`);
    await database.write([
      { sql: 'DELETE FROM image_blobs WHERE digest = ?', params: [digest] },
      { sql: 'DELETE FROM blobs WHERE digest = ?', params: [digest] },
    ]);
    if (!(await exists(source))) return undefined;
    await rename(source, target);
    return target;
  });

/** Files among the blobs that have no record; looked at under their lock, since a file is there before its record. */
export const strayBlobs = async ({
  database,
  lock,
  paths,
}: CollectDependencies): Promise<readonly string[]> => {
  const strays: string[] = [];
  for (const algorithm of ['sha256', 'sha512'] as const) {
    for (const hex of await readdir(join(paths.blobs, algorithm))) {
      const digest = `${algorithm}:${hex}` as Digest;
      if (statBlob(database, digest) !== undefined) continue;
      const path = join(paths.blobs, algorithm, hex);
      const stray = await lock(digest, async () => statBlob(database, digest) === undefined && exists(path));
      if (stray) strays.push(path);
    }
  }
  return strays;
};

/** What SQLite finds wrong with its file, and rows that point to nothing. */
export const recordFaults = ({ database }: CollectDependencies): readonly string[] => {
  const check = database.all<Row & { quick_check: string }>('PRAGMA quick_check(20)');
  const broken = check.map((row) => row.quick_check).filter((text) => text !== 'ok');
  const dangling = database.all<Row & { table: string; parent: string }>('PRAGMA foreign_key_check');
  return [
    ...broken,
    ...dangling.map(({ table, parent }) => `a row of ${table} points to a missing row of ${parent}`),
  ];
};
