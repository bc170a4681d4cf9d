import type { Migration } from '#database';

/** Tables of this room in the root's database; a record is JSON. */
export const engineMigrations: readonly Migration[] = [
  {
    room: 'engine',
    version: 1,
    sql: `
      CREATE TABLE engine_containers (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
      CREATE TABLE engine_volumes (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
    `,
  },
];
