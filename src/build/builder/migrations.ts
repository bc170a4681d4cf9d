import type { Migration } from '#database';

/** Tables of the build cache. */
export const builderMigrations: readonly Migration[] = [
  {
    room: 'builder',
    version: 1,
    sql: `
      CREATE TABLE build_results (
        key TEXT PRIMARY KEY,
        canonical TEXT NOT NULL,
        layers TEXT NOT NULL,
        own TEXT,
        size INTEGER NOT NULL,
        created TEXT NOT NULL,
        used INTEGER NOT NULL
      ) WITHOUT ROWID;
      CREATE INDEX build_results_canonical ON build_results (canonical);
      CREATE TABLE build_steps (
        step TEXT PRIMARY KEY,
        key TEXT NOT NULL,
        inputs BLOB NOT NULL
      ) WITHOUT ROWID;
      CREATE TABLE build_files (
        root TEXT NOT NULL,
        path TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns TEXT NOT NULL,
        ctime_ns TEXT NOT NULL,
        ino TEXT NOT NULL,
        digest TEXT NOT NULL,
        PRIMARY KEY (root, path)
      ) WITHOUT ROWID`,
  },
  {
    room: 'builder',
    version: 2,
    sql: `
      CREATE TABLE build_history (
        id TEXT PRIMARY KEY,
        started INTEGER NOT NULL,
        status TEXT NOT NULL,
        about TEXT NOT NULL,
        steps BLOB,
        log_bytes INTEGER NOT NULL
      );
      CREATE INDEX build_history_started ON build_history (started)`,
  },
];
