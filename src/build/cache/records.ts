import type { Database, Row } from '#database';
import type { DiffId } from '#oci';
import type { CacheMountInfo, CacheMounts } from '#steps';
import { allocatedBytes } from '#store';

/** `step`: a result of a step; `cache-mount`: of RUN --mount=type=cache; `source`: what was fetched; `log`: of a build. */
export type CacheRecordKind = 'step' | 'cache-mount' | 'source' | 'log';

/** One thing that builds keep on disk. */
export interface CacheRecord {
  readonly id: string;
  readonly kind: CacheRecordKind;
  readonly description: string;
  /** Bytes of the layer, or on disk. */
  readonly bytes: number;
  /** Its layer is that of an image, or of another record in this list, where its bytes are counted. */
  readonly shared: boolean;
  readonly inUse: boolean;
  readonly createdAt: Date;
  readonly usedAt: Date;
  readonly uses: number;
}

/** A result of a step with what tells which others stand on it. */
export interface StepRecordRow {
  readonly record: CacheRecord;
  /** Lowest first, separated by spaces. */
  readonly layers: string;
}

interface ResultRow extends Row {
  readonly key: string;
  readonly layers: string;
  readonly own: DiffId | null;
  readonly size: number;
  readonly used: number;
  readonly made: number;
  readonly uses: number;
  readonly description: string;
}

/** Results of steps, the one that was not used for the longest time first, and what stands on others before those. */
export const stepRecords = (
  database: Database,
  facts: { readonly isUsed: (key: string) => boolean; readonly imageLayers: ReadonlySet<DiffId> },
): readonly StepRecordRow[] => {
  const rows = database.all<ResultRow>(
    `SELECT key, layers, own, size, used, made, uses, description FROM build_results
     WHERE key = canonical ORDER BY used, length(layers) DESC, key`,
  );
  const counted = new Set<DiffId>();
  return rows.map((row) => {
    const shared = row.own !== null && (facts.imageLayers.has(row.own) || counted.has(row.own));
    if (row.own !== null) counted.add(row.own);
    const record: CacheRecord = {
      id: row.key,
      kind: 'step',
      description: row.description,
      bytes: row.own === null ? 0 : row.size,
      shared,
      inUse: facts.isUsed(row.key),
      createdAt: new Date(row.made),
      usedAt: new Date(row.used),
      uses: row.uses,
    };
    return { record, layers: row.layers };
  });
};

const mountRecord = (mount: CacheMountInfo): CacheRecord => ({
  id: mount.key,
  kind: 'cache-mount',
  description: `cache ${mount.id}${mount.number === 0 ? '' : ` (${mount.number})`}`,
  bytes: mount.sizeBytes,
  shared: false,
  inUse: mount.inUse,
  createdAt: mount.createdAt,
  usedAt: mount.usedAt,
  uses: mount.uses,
});

export const mountRecords = async (caches: Pick<CacheMounts, 'list'>): Promise<readonly CacheRecord[]> =>
  (await caches.list()).map(mountRecord);

/** Under which ID all that was fetched from elsewhere is listed. */
export const SOURCES_ID = 'sources';

/** What ADD and contexts fetched from elsewhere, as one record; none when there is nothing. */
export const sourceRecords = async (directory: string, inUse: boolean): Promise<readonly CacheRecord[]> => {
  const bytes = await allocatedBytes(directory).catch(() => 0);
  if (bytes === 0) return [];
  const record: CacheRecord = {
    id: SOURCES_ID,
    kind: 'source',
    description: 'repositories and files that were fetched',
    bytes,
    shared: false,
    inUse,
    createdAt: new Date(0),
    usedAt: new Date(),
    uses: 0,
  };
  return [record];
};

/** When the result that was not used for the longest time was used last. */
export const oldestUse = (database: Database): Date | undefined => {
  const sql = 'SELECT min(used) AS used FROM build_results WHERE key = canonical';
  const used = database.get<Row & { used: number | null }>(sql)?.used ?? undefined;
  return used === undefined ? undefined : new Date(used);
};

/** Those of the keys under which no result is stored. */
export const unknownResults = (database: Database, keys: readonly string[]): readonly string[] =>
  database
    .all<Row & { key: string }>(
      `SELECT DISTINCT value AS key FROM json_each(?)
       WHERE value NOT IN (SELECT key FROM build_results WHERE key = canonical)`,
      JSON.stringify(keys),
    )
    .map(({ key }) => key);

/** Keys of results that were removed and are remembered as such. */
const MAX_EVICTED = 50_000;

/** Forgets results with all their keys; that they were there once is remembered. */
export const forgetResults = async (database: Database, keys: readonly string[]): Promise<void> => {
  if (keys.length === 0) return;
  const list = JSON.stringify(keys);
  const inList = 'canonical IN (SELECT value FROM json_each(?))';
  await database.write([
    {
      sql: `INSERT INTO build_evicted (key, at) SELECT key, ? FROM build_results WHERE ${inList}
            ON CONFLICT (key) DO UPDATE SET at = excluded.at`,
      params: [Date.now(), list],
    },
    { sql: `DELETE FROM build_results WHERE ${inList}`, params: [list] },
    {
      sql: `DELETE FROM build_evicted WHERE key IN
            (SELECT key FROM build_evicted ORDER BY at DESC LIMIT -1 OFFSET ?)`,
      params: [MAX_EVICTED],
    },
    {
      sql: `DELETE FROM build_parts WHERE key NOT IN (SELECT key FROM build_steps)
            AND key NOT IN (SELECT key FROM build_results)`,
    },
  ]);
};
