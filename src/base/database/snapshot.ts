import { open } from 'node:fs/promises';
import { backup, DatabaseSync } from 'node:sqlite';
import { openConnection } from './connection.ts';
import { failureError, sqliteFailure } from './failures.ts';

/** All pages in one step: readers do not hold up the writer of a WAL database, and what it writes does not start us over. */
const ALL_PAGES = 0x7f_ff_ff_ff;

/** Without a write-ahead log beside it, the copy can be read where nothing can be written. */
const closeAsOneFile = (path: string): void => {
  const sqlite = new DatabaseSync(path);
  sqlite.exec('PRAGMA journal_mode = DELETE');
  sqlite.close();
};

/** Copies the database at `path` as of now into a new file; the work is done on a thread of the pool. */
export const writeSnapshot = async (path: string, target: string): Promise<void> => {
  const source = openConnection(path, true);
  try {
    await backup(source.sqlite, target, { rate: ALL_PAGES });
    closeAsOneFile(target);
    await using file = await open(target, 'r');
    await file.sync();
  } catch (error) {
    throw failureError(sqliteFailure(error, 'backup'), target);
  } finally {
    source.close();
  }
};
