import type { Migration } from '#database';
import { tagHistoryMigrations } from './tag-history-migrations.ts';
import { accountingMigrations } from './accounting-migrations.ts';
import { quotaMigrations } from './quota-migrations.ts';
import { accountMigrations } from './account-migrations.ts';
import { catalogMigrations } from './catalog-migrations.ts';
import { deliveryMigrations } from './delivery-migrations.ts';
import { collectionMigrations } from './collection-migrations.ts';
import { upstreamMigrations } from './upstream-migrations.ts';

/** Tables of the registry's metadata. Times are milliseconds since 1970; every key that can be long-lived is a digest. */
export const registryMigrations: readonly Migration[] = [
  {
    room: 'registry',
    version: 1,
    sql: `
      CREATE TABLE repositories (
        name TEXT NOT NULL PRIMARY KEY,
        created_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE blobs (
        digest TEXT NOT NULL PRIMARY KEY,
        size INTEGER NOT NULL,
        created_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE links (
        repository TEXT NOT NULL REFERENCES repositories (name),
        digest TEXT NOT NULL REFERENCES blobs (digest),
        linked_ms INTEGER NOT NULL,
        PRIMARY KEY (repository, digest)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX links_digest ON links (digest);
      CREATE TABLE manifest_contents (
        digest TEXT NOT NULL PRIMARY KEY,
        bytes BLOB NOT NULL
      ) STRICT;
      CREATE TABLE manifests (
        repository TEXT NOT NULL REFERENCES repositories (name),
        digest TEXT NOT NULL REFERENCES manifest_contents (digest),
        media_type TEXT NOT NULL,
        size INTEGER NOT NULL,
        artifact_type TEXT,
        subject TEXT,
        annotations TEXT,
        pushed_ms INTEGER NOT NULL,
        PRIMARY KEY (repository, digest)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX manifests_digest ON manifests (digest);
      CREATE INDEX manifests_subject ON manifests (repository, subject, digest) WHERE subject IS NOT NULL;
      CREATE TABLE edges (
        repository TEXT NOT NULL,
        manifest TEXT NOT NULL,
        digest TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('blob', 'manifest')),
        PRIMARY KEY (repository, manifest, digest),
        FOREIGN KEY (repository, manifest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX edges_digest ON edges (repository, digest);
      CREATE TABLE tags (
        repository TEXT NOT NULL,
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        updated_ms INTEGER NOT NULL,
        PRIMARY KEY (repository, name),
        FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX tags_digest ON tags (repository, digest);
    `,
  },
  {
    room: 'registry-journal',
    version: 1,
    sql: `
      CREATE TABLE journal (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ms INTEGER NOT NULL,
        action TEXT NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused')),
        repository TEXT,
        tag TEXT,
        digest TEXT,
        media_type TEXT,
        size INTEGER,
        reason TEXT,
        actor TEXT NOT NULL,
        cause TEXT NOT NULL
      ) STRICT;
      CREATE INDEX journal_repository ON journal (repository, id) WHERE repository IS NOT NULL;
      CREATE INDEX journal_at ON journal (at_ms);
    `,
  },
  { room: 'registry-journal', version: 2, sql: 'ALTER TABLE journal ADD COLUMN source TEXT;' },
  ...accountMigrations,
  ...tagHistoryMigrations,
  ...deliveryMigrations,
  ...collectionMigrations,
  ...upstreamMigrations,
  ...catalogMigrations,
  ...accountingMigrations,
  ...quotaMigrations,
];
