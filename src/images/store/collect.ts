import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isLadeError } from '#errors';
import type { Row } from '#database';
import { digestOf, type Digest, type DiffId, type DigestAlgorithm } from '#oci';
import { blobPath, statBlob, type BlobDependencies } from './blobs.ts';
import { LAYER_REMOVAL, endDeadLeases, type LeaseDependencies } from './leases.ts';
import { dropUnnamed } from './targets.ts';
import type { Removed, Trash } from './trash.ts';
import type { CollectOptions, Collected, LayerCollection } from './space-types.ts';
import type { BlobInfo } from './types.ts';

export type CollectDependencies = BlobDependencies & LeaseDependencies & { readonly trash: Trash };

const ALGORITHMS: readonly DigestAlgorithm[] = ['sha256', 'sha512'];

const UNPROTECTED_BLOB = `
  NOT EXISTS (SELECT 1 FROM target_blobs WHERE target_blobs.digest = blobs.digest)
  AND NOT EXISTS (SELECT 1 FROM lease_items WHERE kind = 'blob' AND key = blobs.digest)
  AND NOT EXISTS (SELECT 1 FROM holds WHERE kind = 'blob' AND key = blobs.digest)`;

const UNREFERENCED_BLOB = `
  NOT EXISTS (SELECT 1 FROM image_blobs WHERE image_blobs.digest = blobs.digest) AND ${UNPROTECTED_BLOB}`;

const REFERENCED_LAYER = `
  SELECT 1 WHERE EXISTS (SELECT 1 FROM image_layers WHERE diff_id = ?1)
  OR EXISTS (SELECT 1 FROM lease_items WHERE kind = 'layer' AND key = ?1)
  OR EXISTS (SELECT 1 FROM holds WHERE kind = 'layer' AND key = ?1)`;

const REFERENCED_LAYERS = `
  SELECT diff_id AS key FROM image_layers
  UNION SELECT key FROM lease_items WHERE kind = 'layer'
  UNION SELECT key FROM holds WHERE kind = 'layer'`;

interface Gone<T> {
  readonly what: T;
  readonly removed: Removed | undefined;
}

/** Removes a blob whose record `condition` lets go of; its file waits in the trash. */
const removeBlob = (
  dependencies: CollectDependencies,
  digest: Digest,
  condition: 'unreferenced' | 'unprotected',
): Promise<Gone<BlobInfo> | undefined> =>
  dependencies.lock(digest, async () => {
    const { database, paths, trash } = dependencies;
    const info = statBlob(database, digest);
    if (info === undefined) return undefined;
    const results = await database.write([
      ...(condition === 'unreferenced'
        ? []
        : [
            {
              sql: `DELETE FROM image_blobs WHERE digest = ?
                    AND EXISTS (SELECT 1 FROM blobs WHERE blobs.digest = image_blobs.digest AND ${UNPROTECTED_BLOB})`,
              params: [digest],
            },
          ]),
      { sql: `DELETE FROM blobs WHERE digest = ? AND ${UNREFERENCED_BLOB}`, params: [digest] },
    ]);
    if (results.at(-1)?.changes !== 1) return undefined;
    return { what: info, removed: await trash.put(blobPath(paths, digest)) };
  });

const removeBlobs = async (
  dependencies: CollectDependencies,
  digests: readonly Digest[],
  condition: 'unreferenced' | 'unprotected',
): Promise<readonly Gone<BlobInfo>[]> => {
  const gone = await Promise.all(digests.map((digest) => removeBlob(dependencies, digest, condition)));
  return gone.filter((one) => one !== undefined);
};

const unreferencedBlobs = ({ database }: CollectDependencies): readonly Digest[] =>
  database
    .all<Row & { digest: Digest }>(`SELECT digest FROM blobs WHERE ${UNREFERENCED_BLOB}`)
    .map((row) => row.digest);

const removeLayer = (
  dependencies: CollectDependencies,
  layers: LayerCollection,
  diffId: DiffId,
): Promise<Gone<DiffId> | undefined> =>
  dependencies.lock(diffId, async () => {
    if (dependencies.database.get(REFERENCED_LAYER, diffId) !== undefined) return undefined;
    const place = dependencies.trash.place();
    try {
      await layers.remove(diffId, place);
    } catch (error) {
      if (isLadeError(error, 'conflict')) return undefined;
      throw error;
    }
    return { what: diffId, removed: dependencies.trash.drop(place) };
  });

const unreferencedLayers = (
  { database }: CollectDependencies,
  candidates: readonly DiffId[],
): readonly DiffId[] => {
  const named = new Set(database.all<Row & { key: string }>(REFERENCED_LAYERS).map((row) => row.key));
  return candidates.filter((diffId) => !named.has(diffId));
};

/** Layers removed beside each other, so that they share commits. */
const AT_ONCE = 32;

const collectLayers = (
  dependencies: CollectDependencies,
  { layers, only, signal }: CollectOptions,
): Promise<readonly Gone<DiffId>[]> =>
  dependencies.lock(LAYER_REMOVAL, async () => {
    const blocked = dependencies.database.get('SELECT 1 FROM leases WHERE everything = 1');
    if (layers === undefined || blocked !== undefined) return [];
    const inUse = layers.inUse();
    const candidates = only?.layers ?? unreferencedLayers(dependencies, layers.list());
    const free = candidates.filter((candidate) => !inUse.has(candidate));
    const gone: Gone<DiffId>[] = [];
    for (let index = 0; index < free.length; index += AT_ONCE) {
      signal?.throwIfAborted();
      const some = free.slice(index, index + AT_ONCE);
      const removed = await Promise.all(some.map((diffId) => removeLayer(dependencies, layers, diffId)));
      gone.push(...removed.filter((one) => one !== undefined));
    }
    return gone;
  });

/** Files in ingest/ that no lease for which `counts` protects. */
const unprotectedIngests = async (
  { database, paths, active }: CollectDependencies,
  counts: (lease: string) => boolean,
): Promise<readonly string[]> => {
  const names = await readdir(paths.ingest);
  const kept = database.all<Row & { key: string; lease: string }>(
    `SELECT key, lease FROM lease_items WHERE kind = 'ingest'`,
  );
  const keys = new Set(kept.filter(({ lease }) => counts(lease)).map((row) => row.key));
  return names
    .filter((name) => !keys.has(name))
    .map((name) => join(paths.ingest, name))
    .filter((path) => !active.has(path));
};

const sweepIngests = async (dependencies: CollectDependencies): Promise<readonly Gone<string>[]> => {
  const dead = await unprotectedIngests(dependencies, () => true);
  return await Promise.all(
    dead.map(async (path) => ({ what: path, removed: await dependencies.trash.put(path) })),
  );
};

/** Partial content that is kept only for work that may be taken up again. */
export const leftovers = (dependencies: CollectDependencies): Promise<readonly string[]> =>
  unprotectedIngests(dependencies, (lease) => dependencies.live.has(lease));

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

const report = (
  blobs: readonly Gone<BlobInfo>[],
  layers: readonly Gone<DiffId>[],
  ingests: readonly Gone<string>[],
): Collected => ({
  blobs: blobs.map(({ what }) => what),
  layers: layers.map(({ what }) => what),
  async freed() {
    const bytes = await Promise.all(
      [...blobs, ...layers, ...ingests].map(async ({ removed }) => (await removed?.freed) ?? 0),
    );
    return bytes.reduce((sum, one) => sum + one, 0);
  },
});

/** Deletes what nothing refers to. Safe beside everything else that goes on. */
export const collect = async (
  dependencies: CollectDependencies,
  options: CollectOptions,
): Promise<Collected> => {
  const whole = options.only === undefined;
  if (whole) await endDeadLeases(dependencies, options);
  const ingests = whole ? await sweepIngests(dependencies) : [];
  const dropped = await dropUnnamed(dependencies.database);
  // What an index kept is not among the candidates.
  const looked = dropped ? { ...options, only: undefined } : options;
  options.signal?.throwIfAborted();
  const candidates = looked.only?.blobs ?? unreferencedBlobs(dependencies);
  const blobs = await removeBlobs(dependencies, candidates, 'unreferenced');
  return report(blobs, await collectLayers(dependencies, looked), ingests);
};

/** Deletes blobs that images name but can do without, unless something uses them now. */
export const letGoBlobs = async (
  dependencies: CollectDependencies,
  digests: readonly Digest[],
): Promise<Collected> => report(await removeBlobs(dependencies, digests, 'unprotected'), [], []);
