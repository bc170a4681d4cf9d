import { openDatabase, type Database } from '#database';
import type { Digest } from '#oci';
import type { BackupStore } from './upstream-types.ts';
import { makePrivate } from './private-file.ts';

const PAGE = 1000;

async function* blobsIn(path: string) {
  await using database = await openDatabase({ path, migrations: [], readOnly: true });
  for (let after = ''; ;) {
    const rows = database.all(
      'SELECT digest, size FROM blobs WHERE digest > ? ORDER BY digest LIMIT ?',
      after,
      PAGE,
    );
    for (const row of rows) yield { digest: String(row['digest']) as Digest, size: Number(row['size']) };
    if (rows.length < PAGE) return;
    after = String(rows.at(-1)?.['digest']);
  }
}

/** Blobs that the metadata in a file names. Nobody else may have the file open. */
export const blobsOfSnapshot = (
  path: string,
): AsyncIterable<{ readonly digest: Digest; readonly size: number }> => blobsIn(path);

/** Snapshots of an open database, and holds. */
export const createBackupStore = (database: Database): BackupStore => ({
  snapshot: async (path) => {
    await makePrivate(path);
    await database.snapshot(path);
  },
  holds: () =>
    database.all('SELECT id, created_ms, until_ms FROM backup_holds ORDER BY created_ms').map((row) => ({
      id: String(row['id']),
      createdMs: Number(row['created_ms']),
      untilMs: Number(row['until_ms']),
    })),
  hold: async ({ id, createdMs, untilMs }) => {
    const sql = `INSERT INTO backup_holds VALUES (?, ?, ?)
                 ON CONFLICT (id) DO UPDATE SET until_ms = excluded.until_ms`;
    await database.write([{ sql, params: [id, createdMs, untilMs] }]);
  },
  release: async (id) => {
    const [result] = await database.write([{ sql: 'DELETE FROM backup_holds WHERE id = ?', params: [id] }]);
    return (result?.changes ?? 0) > 0;
  },
});
