import type { Migration } from '#database';

/**
 * What was removed and can be brought back: copies of the rows, by removal. A blob's record stays as long as anything
 * here names it.
 */
export const collectionMigrations: readonly Migration[] = [
  {
    room: 'registry-collection',
    version: 1,
    sql: `
      CREATE TABLE removals (
        id TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('delete', 'gc', 'retention', 'check')),
        actor TEXT NOT NULL,
        started_ms INTEGER NOT NULL,
        finished_ms INTEGER,
        undone_ms INTEGER,
        purged_ms INTEGER,
        emptied INTEGER NOT NULL DEFAULT 0,
        totals TEXT
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX removals_full ON removals (finished_ms) WHERE emptied = 0;
      DELETE FROM manifest_contents WHERE NOT EXISTS (
        SELECT 1 FROM manifests WHERE manifests.digest = manifest_contents.digest);
      CREATE TABLE removed_manifests (
        removal TEXT NOT NULL REFERENCES removals (id) ON DELETE CASCADE,
        repository TEXT NOT NULL,
        digest TEXT NOT NULL REFERENCES manifest_contents (digest),
        media_type TEXT NOT NULL,
        size INTEGER NOT NULL,
        artifact_type TEXT,
        subject TEXT,
        annotations TEXT,
        pushed_ms INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (removal, repository, digest)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX removed_manifests_digest ON removed_manifests (digest);
      CREATE TABLE removed_edges (
        removal TEXT NOT NULL,
        repository TEXT NOT NULL,
        manifest TEXT NOT NULL,
        digest TEXT NOT NULL,
        kind TEXT NOT NULL,
        PRIMARY KEY (removal, repository, manifest, digest),
        FOREIGN KEY (removal, repository, manifest)
          REFERENCES removed_manifests (removal, repository, digest) ON DELETE CASCADE
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX removed_edges_digest ON removed_edges (digest);
      CREATE TABLE removed_tags (
        removal TEXT NOT NULL REFERENCES removals (id) ON DELETE CASCADE,
        repository TEXT NOT NULL,
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        updated_ms INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (removal, repository, name)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE removed_links (
        removal TEXT NOT NULL REFERENCES removals (id) ON DELETE CASCADE,
        repository TEXT NOT NULL,
        digest TEXT NOT NULL REFERENCES blobs (digest),
        linked_ms INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (removal, repository, digest)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX removed_links_digest ON removed_links (digest);
      CREATE TABLE released (
        repository TEXT NOT NULL,
        digest TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (repository, digest),
        FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
      ) STRICT, WITHOUT ROWID;
      CREATE TRIGGER released_by_move AFTER UPDATE OF digest ON tags WHEN OLD.digest <> NEW.digest BEGIN
        INSERT INTO released SELECT OLD.repository, OLD.digest, NEW.updated_ms WHERE EXISTS (
          SELECT 1 FROM manifests WHERE repository = OLD.repository AND digest = OLD.digest)
        ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms;
      END;
      CREATE TRIGGER released_by_untag AFTER INSERT ON removed_tags BEGIN
        INSERT INTO released SELECT NEW.repository, NEW.digest, started_ms FROM removals
          WHERE id = NEW.removal AND EXISTS (
            SELECT 1 FROM manifests WHERE repository = NEW.repository AND digest = NEW.digest)
        ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms;
      END;
      CREATE TRIGGER released_by_parent AFTER INSERT ON removed_edges WHEN NEW.kind = 'manifest' BEGIN
        INSERT INTO released SELECT NEW.repository, NEW.digest, started_ms FROM removals
          WHERE id = NEW.removal AND EXISTS (
            SELECT 1 FROM manifests WHERE repository = NEW.repository AND digest = NEW.digest)
        ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms;
      END;
      CREATE TABLE keeping_state (
        name TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE restored (
        repository TEXT NOT NULL,
        digest TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (repository, digest),
        FOREIGN KEY (repository, digest) REFERENCES manifests (repository, digest) ON DELETE CASCADE
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    room: 'registry-pulls',
    version: 1,
    sql: `
      CREATE TABLE pulls (
        repository TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('digest', 'tag')),
        name TEXT NOT NULL,
        count INTEGER NOT NULL,
        last_ms INTEGER NOT NULL,
        PRIMARY KEY (repository, kind, name)
      ) STRICT, WITHOUT ROWID;
    `,
  },
];
