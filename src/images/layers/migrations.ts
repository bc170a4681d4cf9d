import type { Migration } from '#database';

/** Tables of this room. `layers` of a snapshot: diff IDs, bottom first, separated by spaces. */
export const layersMigrations: readonly Migration[] = [
  {
    room: 'layers',
    version: 1,
    sql: `
      CREATE TABLE layers (
        diff_id TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        form TEXT NOT NULL CHECK (form IN ('alone', 'dependent')),
        created_ms INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE snapshots (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        layers TEXT NOT NULL,
        created_ms INTEGER NOT NULL
      ) STRICT;
    `,
  },
];
