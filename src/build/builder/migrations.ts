import type { Migration } from '#database';
import { stepsMigrations } from '#steps';

/** Tables of the build floor: the caches of steps, the build cache, the history. */
export const builderMigrations: readonly Migration[] = [
  ...stepsMigrations,
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
  {
    room: 'builder',
    version: 3,
    sql: `
      ALTER TABLE build_results ADD COLUMN made INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE build_results ADD COLUMN uses INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE build_results ADD COLUMN description TEXT NOT NULL DEFAULT '';
      DELETE FROM build_steps;
      CREATE TABLE build_traces (
        scope TEXT NOT NULL,
        platform TEXT NOT NULL,
        trace TEXT NOT NULL,
        used INTEGER NOT NULL,
        PRIMARY KEY (scope, platform)
      ) WITHOUT ROWID;
      CREATE TABLE build_evicted (
        key TEXT PRIMARY KEY,
        at INTEGER NOT NULL
      ) WITHOUT ROWID`,
  },
  {
    room: 'builder',
    version: 4,
    sql: `
      DROP TABLE build_steps;
      CREATE TABLE build_steps (
        step TEXT PRIMARY KEY,
        key TEXT NOT NULL,
        inputs TEXT NOT NULL
      ) WITHOUT ROWID;
      CREATE TABLE build_parts (
        key TEXT PRIMARY KEY,
        parts BLOB NOT NULL
      )`,
  },
  {
    room: 'builder',
    version: 5,
    sql: `
      DELETE FROM build_files;
      ALTER TABLE build_files ADD COLUMN dev TEXT NOT NULL DEFAULT '0'`,
  },
];
