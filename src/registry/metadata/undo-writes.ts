import type { Database, SqlValue, Statement } from '#database';
import { isLadeError } from '#errors';
import type { Digest } from '#oci';
import type { CollectionStore } from './collection-types.ts';
import { metadataErrors } from './errors.ts';
import type { JournalWriter } from './journal.ts';
import { tagMoveStatements } from './tag-cause.ts';
import type { Cause } from './types.ts';

const PAGE = 200;
const MAX_LEFT = 1000;

/** Statements that bring back the rows of one removal up to a key. */
type Bring = (params: readonly SqlValue[]) => readonly Statement[];

const MANIFEST_COLUMNS =
  'repository, digest, media_type, size, artifact_type, subject, annotations, pushed_ms';

const bringManifests: Bring = (params) => {
  const these = 'removal = ?1 AND (repository, digest) <= (?2, ?3) AND ?4';
  const edges = 'e.removal = ?1 AND (e.repository, e.manifest) <= (?2, ?3) AND ?4';
  return [
    {
      sql: `INSERT INTO manifests (${MANIFEST_COLUMNS}) SELECT ${MANIFEST_COLUMNS} FROM removed_manifests
            WHERE ${these} ON CONFLICT DO NOTHING`,
      params,
    },
    {
      sql: `INSERT INTO links SELECT DISTINCT e.repository, e.digest, ?4 FROM removed_edges e
            WHERE ${edges} AND e.kind = 'blob' AND EXISTS (
              SELECT 1 FROM removed_links r WHERE r.repository = e.repository AND r.digest = e.digest)
            ON CONFLICT DO NOTHING`,
      params,
    },
    {
      sql: `INSERT INTO edges SELECT e.repository, e.manifest, e.digest, e.kind FROM removed_edges e
            WHERE ${edges} ON CONFLICT DO NOTHING`,
      params,
    },
    {
      sql: `INSERT INTO restored SELECT repository, digest, ?4 FROM removed_manifests WHERE ${these}
            ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms`,
      params,
    },
    { sql: `DELETE FROM removed_manifests WHERE ${these}`, params },
  ];
};

const bringTags: Bring = (params) => {
  const these = 'r.removal = ?1 AND (r.repository, r.name) <= (?2, ?3) AND ?4';
  return [
    {
      sql: `INSERT INTO tags (repository, name, digest, updated_ms)
            SELECT r.repository, r.name, r.digest, r.updated_ms FROM removed_tags r WHERE ${these}
            AND EXISTS (SELECT 1 FROM manifests m WHERE m.repository = r.repository AND m.digest = r.digest)
            ON CONFLICT DO NOTHING`,
      params,
    },
    {
      sql: `INSERT INTO restored SELECT r.repository, r.digest, ?4 FROM removed_tags r
            JOIN tags t USING (repository, name, digest) WHERE ${these}
            ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms`,
      params,
    },
    {
      sql: `DELETE FROM removed_tags AS r WHERE ${these} AND EXISTS (SELECT 1 FROM tags t
              WHERE t.repository = r.repository AND t.name = r.name AND t.digest = r.digest)`,
      params,
    },
  ];
};

const bringLinks: Bring = (params) => {
  const these = 'removal = ?1 AND (repository, digest) <= (?2, ?3) AND ?4';
  return [
    {
      sql: `INSERT INTO links SELECT repository, digest, ?4 FROM removed_links WHERE ${these}
            ON CONFLICT DO UPDATE SET linked_ms = excluded.linked_ms`,
      params,
    },
    { sql: `DELETE FROM removed_links WHERE ${these}`, params },
  ];
};

interface Part {
  readonly table: 'removed_manifests' | 'removed_tags' | 'removed_links';
  readonly key: 'digest' | 'name';
  readonly bring: Bring;
}

/** What `CollectionStore` brings back. */
export const createUndoWrites = (database: Database, journal: JournalWriter) => {
  const bringAll = async (id: string, cause: Cause, { table, key, bring }: Part): Promise<number> => {
    let [brought, after] = [0, ['', ''] as readonly [string, string]];
    for (;;) {
      const rows = database.all(
        `SELECT repository, ${key} AS key FROM ${table} WHERE removal = ? AND (repository, ${key}) > (?, ?)
         ORDER BY repository, ${key} LIMIT ?`,
        id,
        ...after,
        PAGE,
      );
      const last = rows.at(-1);
      if (last === undefined) return brought;
      after = [String(last['repository']), String(last['key'])];
      const statements = tagMoveStatements(cause, 'restore', bring([id, ...after, Date.now()]));
      const [, first] = await database.write(statements);
      brought += first?.changes ?? 0;
    }
  };

  const beginUndo = async (id: string): Promise<void> => {
    try {
      await database.write([
        {
          sql: `UPDATE removals SET undone_ms = ?, finished_ms = coalesce(finished_ms, started_ms)
                WHERE id = ? AND purged_ms IS NULL`,
          params: [Date.now(), id],
          expectChanges: 1,
        },
      ]);
    } catch (error) {
      if (isLadeError(error, 'conflict')) throw metadataErrors.removalGone({ id }, error);
      throw error;
    }
  };

  return {
    undoRemoval: async (id: string, cause: Cause) => {
      await beginUndo(id);
      const manifests = await bringAll(id, cause, {
        table: 'removed_manifests',
        key: 'digest',
        bring: bringManifests,
      });
      const tags = await bringAll(id, cause, { table: 'removed_tags', key: 'name', bring: bringTags });
      const links = await bringAll(id, cause, { table: 'removed_links', key: 'digest', bring: bringLinks });
      const left = database
        .all('SELECT repository, name, digest FROM removed_tags WHERE removal = ? LIMIT ?', id, MAX_LEFT)
        .map((row) => ({
          repository: String(row['repository']),
          tag: String(row['name']),
          digest: String(row['digest']) as Digest,
        }));
      const reason = `undo of ${id} brought back ${tags} tags, ${manifests} manifests, ${links} blobs`;
      await journal.append([{ action: 'administer', outcome: 'done', reason, cause }]);
      return { manifests, tags, links, left };
    },
  } satisfies Partial<CollectionStore>;
};
