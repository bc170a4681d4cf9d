import type { Migration } from '#database';

/** The table of cache mounts: what their directories below `build-cache/` are called and were used for. */
export const stepsMigrations: readonly Migration[] = [
  {
    room: 'steps',
    version: 1,
    sql: `
      CREATE TABLE build_cache_mounts (
        key TEXT PRIMARY KEY,
        id TEXT NOT NULL,
        seed TEXT NOT NULL,
        number INTEGER NOT NULL,
        sharing TEXT NOT NULL,
        created INTEGER NOT NULL,
        used INTEGER NOT NULL,
        uses INTEGER NOT NULL,
        size INTEGER,
        measured INTEGER
      ) WITHOUT ROWID`,
  },
];
