import type { Migration } from '#database';

/** What is remembered of other registries, and holds of backups. */
export const upstreamMigrations: readonly Migration[] = [
  {
    room: 'registry-upstream',
    version: 1,
    sql: `
      CREATE TABLE upstream_tags (
        repository TEXT NOT NULL,
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        checked_ms INTEGER NOT NULL,
        PRIMARY KEY (repository, name)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE upstream_uses (
        repository TEXT NOT NULL,
        digest TEXT NOT NULL,
        used_ms INTEGER NOT NULL,
        PRIMARY KEY (repository, digest),
        FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE backup_holds (
        id TEXT NOT NULL PRIMARY KEY,
        created_ms INTEGER NOT NULL,
        until_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
];
