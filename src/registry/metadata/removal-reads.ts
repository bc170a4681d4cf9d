import type { Database, Row } from '#database';
import type { Digest } from '#oci';
import type { CollectionStore, RemovalRecord, RemovalTotals, RemovedItem } from './collection-types.ts';

const numberIn = (row: Row, column: string): number | undefined =>
  row[column] === null || row[column] === undefined ? undefined : Number(row[column]);

const TOTALS_NOW = `SELECT
  (SELECT count(*) FROM removed_manifests WHERE removal = ?1) AS manifests,
  (SELECT count(*) FROM removed_tags WHERE removal = ?1) AS tags,
  (SELECT count(*) FROM removed_links WHERE removal = ?1) AS links,
  (SELECT coalesce(sum(size), 0) FROM removed_manifests WHERE removal = ?1)
    + (SELECT coalesce(sum(size), 0) FROM removed_links JOIN blobs USING (digest) WHERE removal = ?1) AS bytes`;

const totalsNow = (database: Database, id: string): RemovalTotals => {
  const row = database.get(TOTALS_NOW, id);
  return {
    manifests: Number(row?.['manifests'] ?? 0),
    tags: Number(row?.['tags'] ?? 0),
    links: Number(row?.['links'] ?? 0),
    bytes: Number(row?.['bytes'] ?? 0),
  };
};

const recordOf = (database: Database, row: Row): RemovalRecord => ({
  id: String(row['id']),
  kind: String(row['kind']) as RemovalRecord['kind'],
  actor: String(row['actor']),
  startedMs: Number(row['started_ms']),
  finishedMs: numberIn(row, 'finished_ms'),
  undoneMs: numberIn(row, 'undone_ms'),
  purgedMs: numberIn(row, 'purged_ms'),
  totals:
    typeof row['totals'] === 'string'
      ? (JSON.parse(row['totals']) as RemovalTotals)
      : totalsNow(database, String(row['id'])),
});

const itemOf = (row: Row): RemovedItem => ({
  kind: String(row['kind']) as RemovedItem['kind'],
  repository: String(row['repository']),
  tag: row['tag'] === null ? undefined : String(row['tag']),
  digest: String(row['digest']) as Digest,
  size: Number(row['size']),
  reason: String(row['reason']),
});

/** What was removed and is still known. */
export const createRemovalReads = (database: Database) =>
  ({
    removals: ({ limit, clientDeletes }) =>
      database
        .all(
          `SELECT * FROM removals WHERE ?1 OR kind <> 'delete' ORDER BY id DESC LIMIT ?2`,
          clientDeletes ? 1 : 0,
          limit,
        )
        .map((row) => recordOf(database, row)),
    removal: (id) => {
      const row = database.get('SELECT * FROM removals WHERE id = ?', id);
      return row === undefined ? undefined : recordOf(database, row);
    },
    removedItems: (id, { limit, offset }) =>
      database
        .all(
          `SELECT 'tag' AS kind, repository, name AS tag, digest, 0 AS size, reason
             FROM removed_tags WHERE removal = ?1
           UNION ALL SELECT 'manifest', repository, NULL, digest, size, reason
             FROM removed_manifests WHERE removal = ?1
           UNION ALL SELECT 'blob', repository, NULL, digest, size, reason
             FROM removed_links JOIN blobs USING (digest) WHERE removal = ?1
           LIMIT ?2 OFFSET ?3`,
          id,
          limit,
          offset,
        )
        .map(itemOf),
    expiredRemovals: (beforeMs, limit) =>
      database
        .all(
          `SELECT id FROM removals WHERE emptied = 0 AND finished_ms < ? ORDER BY finished_ms LIMIT ?`,
          beforeMs,
          limit,
        )
        .map((row) => String(row['id'])),
    heldBlobs: (removals, limit) =>
      database
        .all(
          // Each half ends by itself: a UNION reads all of both before it gives anything.
          `SELECT digest FROM (
             SELECT digest FROM removed_links WHERE removal IN (SELECT value FROM json_each(?1)) LIMIT ?2)
           UNION SELECT digest FROM (
             SELECT digest FROM removed_edges
             WHERE removal IN (SELECT value FROM json_each(?1)) AND kind = 'blob' LIMIT ?2)
           LIMIT ?2`,
          JSON.stringify(removals),
          limit,
        )
        .map((row) => String(row['digest']) as Digest),
  }) satisfies Partial<CollectionStore>;
