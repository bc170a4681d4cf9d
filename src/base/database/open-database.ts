import { isLadeError } from '#errors';
import { workerUrl } from '#work';
import { openConnection, type Connection } from './connection.ts';
import { databaseErrors } from './errors.ts';
import { failureError, sqliteFailure } from './failures.ts';
import { migrate } from './migrate.ts';
import { openReserve } from './reserve.ts';
import { writeSnapshot } from './snapshot.ts';
import type { Database, DatabaseOptions, Row, SqlValue } from './types.ts';
import { createWriter } from './writer.ts';

const openReader = (options: DatabaseOptions): Connection => {
  const readOnly = options.readOnly === true;
  let connection: Connection | undefined;
  try {
    connection = openConnection(options.path, readOnly);
    if (!readOnly) {
      migrate(connection, options.path, options.migrations);
      connection.sqlite.exec('PRAGMA query_only = ON');
    }
    return connection;
  } catch (error) {
    connection?.close();
    if (isLadeError(error)) throw error;
    throw failureError(sqliteFailure(error, 'open'), options.path);
  }
};

/** Opening writes too: on a full disk with the space of the reserve. */
const openWithReserve = (options: DatabaseOptions): Connection => {
  try {
    return openReader(options);
  } catch (error) {
    const { path, reserveBytes } = options;
    if (reserveBytes === undefined || !databaseErrors.diskFull.is(error)) throw error;
    if (!openReserve(path, reserveBytes).release()) throw error;
    return openReader(options);
  }
};

const reading = <T>(path: string, sql: string, read: () => T): T => {
  try {
    return read();
  } catch (error) {
    if (isLadeError(error)) throw error;
    throw failureError(sqliteFailure(error, sql), path);
  }
};

/**
 * Opens or creates the database and migrates it. Reads run on the calling thread, writes on one writer thread.
 *
 * Errors: `corrupt` when the file is no database, `failed-precondition` when a newer version wrote it.
 */
export const openDatabase = async (options: DatabaseOptions): Promise<Database> => {
  const { path, readOnly = false } = options;
  const reader = openWithReserve(options);
  const url = workerUrl(import.meta.url, 'database.worker');
  const writer = readOnly ? undefined : createWriter(path, url, options.reserveBytes);
  let open = true;
  const statement = (sql: string): ReturnType<Connection['prepare']> => {
    if (!open) throw databaseErrors.closed({ path });
    return reader.prepare(sql);
  };
  return {
    path,
    get: <R extends Row>(sql: string, ...params: readonly SqlValue[]) =>
      reading(path, sql, () => statement(sql).get(...params) as R | undefined),
    all: <R extends Row>(sql: string, ...params: readonly SqlValue[]) =>
      reading(path, sql, () => statement(sql).all(...params) as R[]),
    write: async (statements, { durable = true } = {}) => {
      if (writer === undefined) throw databaseErrors.readOnly({ path });
      if (statements.length === 0) return [];
      return await writer.write(statements, durable);
    },
    snapshot: (target) => writeSnapshot(path, target),
    async [Symbol.asyncDispose]() {
      if (!open) return;
      open = false;
      await writer?.close();
      reader.close();
    },
  };
};
