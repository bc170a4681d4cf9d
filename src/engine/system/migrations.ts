import type { Migration } from '#database';

/** The table of this room: settings that somebody made, as they were written. */
export const systemMigrations: readonly Migration[] = [
  {
    room: 'system',
    version: 1,
    sql: `CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID`,
  },
];
