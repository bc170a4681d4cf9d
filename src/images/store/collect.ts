import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isLadeError } from '#errors';
import type { Row } from '#database';
import { digestOf, type Digest, type DiffId, type DigestAlgorithm } from '#oci';
import { blobPath, type BlobDependencies } from './blobs.ts';
import { LAYER_REMOVAL, endDeadLeases, type LeaseDependencies } from './leases.ts';
import { dropUnnamed } from './targets.ts';
import type { BlobInfo, CollectOptions, Collected, LayerCollection } from './types.ts';

export type CollectDependencies = BlobDependencies & LeaseDependencies;

const ALGORITHMS: readonly DigestAlgorithm[] = ['sha256', 'sha512'];

const UNREFERENCED_BLOB = `
  NOT EXISTS (SELECT 1 FROM image_blobs WHERE image_blobs.digest = blobs.digest)
  AND NOT EXISTS (SELECT 1 FROM target_blobs WHERE target_blobs.digest = blobs.digest)
  AND NOT EXISTS (SELECT 1 FROM lease_items WHERE kind = 'blob' AND key = blobs.digest)
  AND NOT EXISTS (SELECT 1 FROM holds WHERE kind = 'blob' AND key = blobs.digest)`;

const REFERENCED_LAYER = `
  SELECT 1 WHERE EXISTS (SELECT 1 FROM image_layers WHERE diff_id = ?1)
  OR EXISTS (SELECT 1 FROM lease_items WHERE kind = 'layer' AND key = ?1)
  OR EXISTS (SELECT 1 FROM holds WHERE kind = 'layer' AND key = ?1)`;

const removeBlob = (dependencies: CollectDependencies, digest: Digest): Promise<boolean> =>
  dependencies.lock(digest, async () => {
    const sql = `DELETE FROM blobs WHERE digest = ? AND ${UNREFERENCED_BLOB}`;
    const [result] = await dependencies.database.write([{ sql, params: [digest] }]);
    if (result?.changes !== 1) return false;
    await unlink(blobPath(dependencies.paths, digest)).catch(() => undefined);
    return true;
  });

const collectBlobs = async (dependencies: CollectDependencies): Promise<readonly BlobInfo[]> => {
  const candidates = dependencies.database.all<Row & { digest: Digest; size: number }>(
    `SELECT digest, size FROM blobs WHERE ${UNREFERENCED_BLOB}`,
  );
  const removed = await Promise.all(candidates.map(({ digest }) => removeBlob(dependencies, digest)));
  return candidates.filter((_, index) => removed[index]).map(({ digest, size }) => ({ digest, size }));
};

const removeLayer = (
  dependencies: CollectDependencies,
  layers: LayerCollection,
  diffId: DiffId,
): Promise<boolean> =>
  dependencies.lock(diffId, async () => {
    if (dependencies.database.get(REFERENCED_LAYER, diffId) !== undefined) return false;
    try {
      await layers.remove(diffId);
      return true;
    } catch (error) {
      if (isLadeError(error, 'conflict')) return false;
      throw error;
    }
  });

const collectLayers = (
  dependencies: CollectDependencies,
  options: CollectOptions,
): Promise<readonly DiffId[]> =>
  dependencies.lock(LAYER_REMOVAL, async () => {
    const { layers, signal } = options;
    const blocked = dependencies.database.get('SELECT 1 FROM leases WHERE everything = 1');
    if (layers === undefined || blocked !== undefined) return [];
    const inUse = layers.inUse();
    const removed: DiffId[] = [];
    for (const diffId of layers.list().filter((candidate) => !inUse.has(candidate))) {
      signal?.throwIfAborted();
      if (await removeLayer(dependencies, layers, diffId)) removed.push(diffId);
    }
    return removed;
  });

const sweepIngests = async ({ database, paths, active }: CollectDependencies): Promise<void> => {
  const names = await readdir(paths.ingest);
  const kept = database.all<Row & { key: string }>(`SELECT key FROM lease_items WHERE kind = 'ingest'`);
  const keys = new Set(kept.map((row) => row.key));
  const dead = names
    .filter((name) => !keys.has(name))
    .map((name) => join(paths.ingest, name))
    .filter((path) => !active.has(path));
  await Promise.all(dead.map((path) => unlink(path).catch(() => undefined)));
};

const sweepBlobDirectory = async (
  dependencies: CollectDependencies,
  algorithm: DigestAlgorithm,
): Promise<void> => {
  const { database, paths } = dependencies;
  const names = new Set(await readdir(join(paths.blobs, algorithm)));
  const rows = database.all<Row & { digest: string }>(
    'SELECT digest FROM blobs WHERE digest LIKE ?',
    `${algorithm}:%`,
  );
  const recorded = new Set(rows.map((row) => row.digest.slice(algorithm.length + 1)));
  const strays = [...names].filter((name) => !recorded.has(name));
  const lost = [...recorded].filter((hex) => !names.has(hex)).map((hex) => digestOf(algorithm, hex));
  await Promise.all(strays.map((name) => unlink(join(paths.blobs, algorithm, name)).catch(() => undefined)));
  await database.write(
    lost.flatMap((digest) => [
      { sql: 'DELETE FROM image_blobs WHERE digest = ?', params: [digest] },
      { sql: 'DELETE FROM blobs WHERE digest = ?', params: [digest] },
    ]),
  );
};

/** What an earlier process left: dead leases, files that no record names, records whose file is gone. */
export const sweep = async (dependencies: CollectDependencies): Promise<void> => {
  await endDeadLeases(dependencies);
  await sweepIngests(dependencies);
  for (const algorithm of ALGORITHMS) await sweepBlobDirectory(dependencies, algorithm);
};

/** Deletes what nothing refers to. Safe beside everything else that goes on. */
export const collect = async (
  dependencies: CollectDependencies,
  options: CollectOptions,
): Promise<Collected> => {
  await endDeadLeases(dependencies, options);
  await sweepIngests(dependencies);
  await dropUnnamed(dependencies.database);
  options.signal?.throwIfAborted();
  const blobs = await collectBlobs(dependencies);
  return { blobs, layers: await collectLayers(dependencies, options) };
};
