import type { Connection } from './connection.ts';
import { databaseErrors } from './errors.ts';
import type { Migration } from './types.ts';

const TABLE = `CREATE TABLE IF NOT EXISTS migrations (
  room TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL
) STRICT`;

const byRoom = (migrations: readonly Migration[]): Map<string, readonly Migration[]> => {
  const rooms = new Map<string, Migration[]>();
  for (const migration of migrations) {
    const steps = rooms.get(migration.room) ?? [];
    steps.push(migration);
    rooms.set(migration.room, steps);
    if (migration.version !== steps.length) throw databaseErrors.migrationGap(migration);
  }
  return rooms;
};

const versionOf = (connection: Connection, room: string): number => {
  const row = connection.sqlite.prepare('SELECT version FROM migrations WHERE room = ?').get(room);
  return Number(row?.['version'] ?? 0);
};

const applyStep = (connection: Connection, step: Migration): void => {
  connection.sqlite.exec(step.sql);
  connection.sqlite
    .prepare(
      'INSERT INTO migrations VALUES (?, ?) ON CONFLICT (room) DO UPDATE SET version = excluded.version',
    )
    .run(step.room, step.version);
};

/**
 * Brings the tables of all rooms forward, all or nothing. Tables of a newer version of a room are refused with
 * `failed-precondition`; rooms that nobody brought are left alone.
 */
export const migrate = (connection: Connection, path: string, migrations: readonly Migration[]): void => {
  const rooms = byRoom(migrations);
  connection.sqlite.exec('BEGIN IMMEDIATE');
  try {
    connection.sqlite.exec(TABLE);
    for (const [room, steps] of rooms) {
      const found = versionOf(connection, room);
      if (found > steps.length) throw databaseErrors.layoutNewer({ path, room, found, known: steps.length });
      for (const step of steps.slice(found)) applyStep(connection, step);
    }
    connection.sqlite.exec('COMMIT');
  } catch (error) {
    connection.sqlite.exec('ROLLBACK');
    throw error;
  }
};
