import type { Database } from '#database';
import type { Digest } from '#oci';
import type { JournalWriter } from './journal.ts';
import type { ScrubStore } from './scrub-types.ts';
import type { Page } from './types.ts';

/** How many manifests of a page fit; their lengths are known without reading them. */
const fitting = (
  database: Database,
  { limit, after, maxBytes }: Page & { readonly maxBytes: number },
): number => {
  let total = 0;
  const sizes = database.all(
    'SELECT length(bytes) AS size FROM manifest_contents WHERE digest > ? ORDER BY digest LIMIT ?',
    after,
    limit,
  );
  const past = sizes.findIndex((row) => (total += Number(row['size'])) > maxBytes);
  return past < 0 ? limit : Math.max(1, past);
};

/** Reading and mending everything, in an open database. */
export const createScrub = (database: Database, journal: JournalWriter): ScrubStore => ({
  blobRecords: ({ limit, after }) =>
    database
      .all('SELECT digest, size FROM blobs WHERE digest > ? ORDER BY digest LIMIT ?', after, limit)
      .map((row) => ({ digest: String(row['digest']) as Digest, size: Number(row['size']) })),
  manifestContents: ({ limit, after, maxBytes }) =>
    database
      .all(
        'SELECT digest, bytes FROM manifest_contents WHERE digest > ? ORDER BY digest LIMIT ?',
        after,
        fitting(database, { limit, after, maxBytes }),
      )
      .map((row) => ({
        digest: String(row['digest']) as Digest,
        bytes: Buffer.from(row['bytes'] as Uint8Array),
      })),
  needs: ({ limit, after }) =>
    database
      .all(
        `SELECT e.repository, e.manifest, e.digest, EXISTS (
           SELECT 1 FROM links l WHERE l.repository = e.repository AND l.digest = e.digest) AS linked
         FROM edges e WHERE (e.repository, e.manifest, e.digest) > (?, ?, ?) AND e.kind = 'blob'
         ORDER BY e.repository, e.manifest, e.digest LIMIT ?`,
        after?.repository ?? '',
        after?.manifest ?? '',
        after?.digest ?? '',
        limit,
      )
      .map((row) => ({
        repository: String(row['repository']),
        manifest: String(row['manifest']) as Digest,
        digest: String(row['digest']) as Digest,
        linked: row['linked'] === 1,
      })),
  blobTotals: () => {
    const row = database.get('SELECT count(*) AS blobs, coalesce(sum(size), 0) AS bytes FROM blobs');
    return { blobs: Number(row?.['blobs'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) };
  },
  loseBlob: async (digest, cause) => {
    await database.write([
      { sql: 'DELETE FROM links WHERE digest = ?', params: [digest] },
      { sql: 'DELETE FROM removed_links WHERE digest = ?', params: [digest] },
      { sql: 'DELETE FROM blobs WHERE digest = ?', params: [digest] },
      journal.statement({
        action: 'administer',
        outcome: 'done',
        digest,
        reason: `blob ${digest} is lost: its bytes are corrupt or gone`,
        cause,
      }),
    ]);
    journal.appended();
  },
  relinkBlob: async ({ repository, digest, size, cause }) => {
    const nowMs = Date.now();
    await database.write([
      { sql: 'INSERT INTO blobs VALUES (?, ?, ?) ON CONFLICT DO NOTHING', params: [digest, size, nowMs] },
      {
        sql: 'INSERT INTO links VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
        params: [repository, digest, nowMs],
      },
      journal.statement({
        action: 'administer',
        outcome: 'done',
        repository,
        digest,
        reason: `blob ${digest} is linked again`,
        cause,
      }),
    ]);
    journal.appended();
  },
});
