import type { Database, Statement } from '#database';
import type { Digest } from '#oci';
import { UNHELD } from './collection-reads.ts';
import type { CollectionStore } from './collection-types.ts';

const LATER = { durable: false } as const;

const IN_REMOVALS = 'removal IN (SELECT value FROM json_each(?1))';

const forget = (list: string): Statement => ({
  sql: `DELETE FROM blobs WHERE digest IN (SELECT value FROM json_each(?1)) AND ${UNHELD}`,
  params: [list],
});

/** What `CollectionStore` lets go of for good. */
export const createPurgeWrites = (database: Database) => {
  const known = (list: string): ReadonlySet<string> =>
    new Set(
      database
        .all('SELECT digest FROM blobs WHERE digest IN (SELECT value FROM json_each(?))', list)
        .map((row) => String(row['digest'])),
    );

  /** Durable: what is forgotten may lose its file. */
  const forgetting = async (digests: readonly Digest[], before: readonly Statement[]) => {
    const list = JSON.stringify(digests);
    await database.write([...before, forget(list)]);
    const kept = known(list);
    return digests.filter((digest) => !kept.has(digest));
  };

  return {
    beginPurge: async (removals: readonly string[]) => {
      await database.write([
        {
          sql: `UPDATE removals SET purged_ms = ?2
                WHERE id IN (SELECT value FROM json_each(?1)) AND purged_ms IS NULL`,
          params: [JSON.stringify(removals), Date.now()],
        },
      ]);
    },
    purgeBlobs: (removals: readonly string[], digests: readonly Digest[]) => {
      const params = [JSON.stringify(removals), JSON.stringify(digests)];
      const these = `${IN_REMOVALS} AND digest IN (SELECT value FROM json_each(?2))`;
      return forgetting(digests, [
        { sql: `DELETE FROM removed_links WHERE ${these}`, params },
        { sql: `DELETE FROM removed_edges WHERE ${these}`, params },
      ]);
    },
    purgeRows: async (removals: readonly string[], limit: number) => {
      const ids = JSON.stringify(removals);
      const rows = database.all(
        `SELECT removal, repository, digest FROM removed_manifests WHERE ${IN_REMOVALS} LIMIT ?2`,
        ids,
        limit,
      );
      const [tags] = await database.write(
        [
          {
            sql: `DELETE FROM removed_tags WHERE (removal, repository, name) IN (
                    SELECT removal, repository, name FROM removed_tags WHERE ${IN_REMOVALS} LIMIT ?2)`,
            params: [ids, limit],
          },
          ...rows.map((row) => ({
            sql: 'DELETE FROM removed_manifests WHERE removal = ? AND repository = ? AND digest = ?',
            params: [row['removal'] ?? '', row['repository'] ?? '', row['digest'] ?? ''],
          })),
          {
            sql: `DELETE FROM manifest_contents WHERE digest IN (SELECT value FROM json_each(?1))
                  AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.digest = manifest_contents.digest)
                  AND NOT EXISTS (SELECT 1 FROM removed_manifests r WHERE r.digest = manifest_contents.digest)`,
            params: [JSON.stringify(rows.map((row) => row['digest']))],
          },
        ],
        LATER,
      );
      return rows.length === limit || tags?.changes === limit;
    },
    endPurge: async (removals: readonly string[]) => {
      const params = [JSON.stringify(removals)];
      await database.write([
        {
          sql: `DELETE FROM removals WHERE kind = 'delete' AND id IN (SELECT value FROM json_each(?))`,
          params,
        },
        { sql: 'UPDATE removals SET emptied = 1 WHERE id IN (SELECT value FROM json_each(?))', params },
      ]);
    },
    setState: async (name: string, value: string | undefined, { durable = true } = {}) => {
      await database.write(
        [
          value === undefined
            ? { sql: 'DELETE FROM keeping_state WHERE name = ?', params: [name] }
            : {
                sql: `INSERT INTO keeping_state VALUES (?, ?)
                      ON CONFLICT DO UPDATE SET value = excluded.value`,
                params: [name, value],
              },
        ],
        { durable },
      );
    },
    forgetBlobs: (digests: readonly Digest[]) => forgetting(digests, []),
  } satisfies Partial<CollectionStore>;
};
