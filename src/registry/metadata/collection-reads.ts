import type { Database, Row } from '#database';
import type { Digest } from '#oci';
import type {
  CollectionStore,
  EdgePage,
  EdgeState,
  LinkState,
  ManifestState,
  TagState,
} from './collection-types.ts';
import type { Page } from './types.ts';

const text = (row: Row, column: string): string => String(row[column] ?? '');
const digestIn = (row: Row, column = 'digest'): Digest => text(row, column) as Digest;
const numberIn = (row: Row, column: string): number | undefined =>
  row[column] === null || row[column] === undefined ? undefined : Number(row[column]);

const manifestOf = (row: Row): ManifestState => ({
  digest: digestIn(row),
  size: Number(row['size']),
  pushedMs: Number(row['pushed_ms']),
  subject: row['subject'] === null ? undefined : digestIn(row, 'subject'),
  releasedMs: numberIn(row, 'released_ms'),
  restoredMs: numberIn(row, 'restored_ms'),
  pulledMs: numberIn(row, 'pulled_ms'),
});

const tagOf = (row: Row): TagState => ({
  name: text(row, 'name'),
  digest: digestIn(row),
  pushedMs: Number(row['updated_ms']),
  pulledMs: numberIn(row, 'pulled_ms'),
});

const linkOf = (row: Row): LinkState => ({
  digest: digestIn(row),
  size: Number(row['size']),
  linkedMs: Number(row['linked_ms']),
  needed: row['needed'] === 1,
});

const edgesOf = (database: Database, kind: 'blob' | 'manifest') => {
  const sql = `SELECT manifest, digest FROM edges
    WHERE repository = ? AND (manifest, digest) > (?, ?) AND kind = '${kind}'
    ORDER BY manifest, digest LIMIT ?`;
  return (repository: string, { after, limit }: EdgePage): readonly EdgeState[] =>
    database
      .all(sql, repository, after?.manifest ?? '', after?.digest ?? '', limit)
      .map((row) => ({ manifest: digestIn(row, 'manifest'), digest: digestIn(row) }));
};

/** Nothing that serves, and nothing that could be undone, has the blob. */
export const UNHELD = `NOT EXISTS (SELECT 1 FROM links WHERE links.digest = blobs.digest)
  AND NOT EXISTS (SELECT 1 FROM removed_links WHERE removed_links.digest = blobs.digest)
  AND NOT EXISTS (SELECT 1 FROM removed_edges WHERE removed_edges.digest = blobs.digest)`;

const createBlobReads = (database: Database) => ({
  blobSizes: (digests: readonly Digest[]) =>
    new Map(
      database
        .all(
          'SELECT digest, size FROM blobs WHERE digest IN (SELECT value FROM json_each(?))',
          JSON.stringify(digests),
        )
        .map((row) => [digestIn(row), Number(row['size'])]),
    ),
  unheldBlobs: ({ limit, after }: Page) => {
    const rows = database.all(
      `SELECT digest, size, created_ms, (${UNHELD}) AS free FROM blobs WHERE digest > ? ORDER BY digest LIMIT ?`,
      after,
      limit,
    );
    const last = rows.at(-1);
    return {
      blobs: rows
        .filter((row) => row['free'] === 1)
        .map((row) => ({
          digest: digestIn(row),
          size: Number(row['size']),
          createdMs: Number(row['created_ms']),
        })),
      last: last === undefined ? undefined : text(last, 'digest'),
    };
  },
  heldBytes: ({ limit, after }: Page) => {
    const rows = database.all(
      `SELECT digest, size, EXISTS (SELECT 1 FROM links WHERE links.digest = held.digest) AS used
       FROM (SELECT DISTINCT digest FROM removed_links WHERE digest > ? ORDER BY digest LIMIT ?) held
       JOIN blobs USING (digest) ORDER BY digest`,
      after,
      limit,
    );
    const free = rows.filter((row) => row['used'] === 0);
    const last = rows.at(-1);
    return {
      blobs: free.length,
      bytes: free.reduce((sum, row) => sum + Number(row['size']), 0),
      last: last === undefined ? undefined : text(last, 'digest'),
    };
  },
});

/** What `CollectionStore` reads of what there is. */
export const createCollectionReads = (database: Database) =>
  ({
    ...createBlobReads(database),
    repositoryNames: ({ limit, after }) =>
      database
        .all('SELECT name FROM repositories WHERE name > ? ORDER BY name LIMIT ?', after, limit)
        .map((row) => text(row, 'name')),
    manifestStates: (repository, { limit, after }) =>
      database
        .all(
          `SELECT m.digest, m.size, m.pushed_ms, m.subject, released.at_ms AS released_ms,
             restored.at_ms AS restored_ms, pulls.last_ms AS pulled_ms
           FROM manifests m
           LEFT JOIN released USING (repository, digest)
           LEFT JOIN restored USING (repository, digest)
           LEFT JOIN pulls ON pulls.repository = m.repository AND pulls.kind = 'digest' AND pulls.name = m.digest
           WHERE m.repository = ? AND m.digest > ? ORDER BY m.digest LIMIT ?`,
          repository,
          after,
          limit,
        )
        .map(manifestOf),
    tagStates: (repository, { limit, after }) =>
      database
        .all(
          `SELECT t.name, t.digest, t.updated_ms, pulls.last_ms AS pulled_ms FROM tags t
           LEFT JOIN pulls ON pulls.repository = t.repository AND pulls.kind = 'tag' AND pulls.name = t.name
           WHERE t.repository = ? AND t.name > ? ORDER BY t.name LIMIT ?`,
          repository,
          after,
          limit,
        )
        .map(tagOf),
    linkCounts: (digests) =>
      new Map(
        database
          .all(
            `SELECT digest, count(*) AS links FROM links
             WHERE digest IN (SELECT value FROM json_each(?)) GROUP BY digest`,
            JSON.stringify(digests),
          )
          .map((row) => [digestIn(row), Number(row['links'])]),
      ),
    state: (name) => {
      const row = database.get('SELECT value FROM keeping_state WHERE name = ?', name);
      return row === undefined ? undefined : text(row, 'value');
    },
    indexEdges: edgesOf(database, 'manifest'),
    blobEdges: edgesOf(database, 'blob'),
    linkStates: (repository, { limit, after }) =>
      database
        .all(
          `SELECT l.digest, blobs.size, l.linked_ms,
             EXISTS (SELECT 1 FROM edges e WHERE e.repository = l.repository AND e.digest = l.digest) AS needed
           FROM links l JOIN blobs USING (digest)
           WHERE l.repository = ? AND l.digest > ? ORDER BY l.digest LIMIT ?`,
          repository,
          after,
          limit,
        )
        .map(linkOf),
  }) satisfies Partial<CollectionStore>;
