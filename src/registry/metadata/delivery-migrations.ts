import type { Migration } from '#database';

/** Positions of webhooks, dead letters, and the registry's own identity. */
export const deliveryMigrations: readonly Migration[] = [
  {
    room: 'registry-deliveries',
    version: 1,
    sql: `
      CREATE TABLE instance (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        name TEXT NOT NULL,
        probed_ms INTEGER NOT NULL
      ) STRICT;
      INSERT INTO instance VALUES (1, lower(
        hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' ||
        substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))), 0);
      CREATE TABLE deliveries (
        endpoint TEXT NOT NULL PRIMARY KEY,
        position INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        next_ms INTEGER NOT NULL,
        last_error TEXT,
        last_success_ms INTEGER,
        delivered INTEGER NOT NULL,
        buried INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE dead_letters (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        endpoint TEXT NOT NULL,
        entry TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        reason TEXT NOT NULL,
        at_ms INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX dead_letters_endpoint ON dead_letters (endpoint, id);
    `,
  },
];
