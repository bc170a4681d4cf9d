import type { Migration } from '#database';

/**
 * What is shown of images and repositories. Facts are of contents, so they are the same in every repository and go with
 * the content. Whatever puts a manifest into a repository puts it into `unread_manifests`, also what was there before.
 */
export const catalogMigrations: readonly Migration[] = [
  {
    room: 'registry-catalog',
    version: 1,
    sql: `
      CREATE TABLE unread_manifests (
        id INTEGER PRIMARY KEY,
        repository TEXT NOT NULL,
        digest TEXT NOT NULL
      ) STRICT;
      INSERT INTO unread_manifests (repository, digest) SELECT repository, digest FROM manifests ORDER BY pushed_ms;
      CREATE TRIGGER unread_manifest AFTER INSERT ON manifests BEGIN
        INSERT INTO unread_manifests (repository, digest) VALUES (NEW.repository, NEW.digest);
      END;
      CREATE TABLE image_facts (
        manifest TEXT NOT NULL PRIMARY KEY REFERENCES manifest_contents (digest) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        config TEXT,
        os TEXT,
        architecture TEXT,
        variant TEXT,
        created_ms INTEGER,
        base_name TEXT,
        base_digest TEXT
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX image_facts_base ON image_facts (base_digest) WHERE base_digest IS NOT NULL;
      CREATE TABLE image_layers (
        manifest TEXT NOT NULL REFERENCES image_facts (manifest) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        layer TEXT NOT NULL,
        diff_id TEXT,
        size INTEGER NOT NULL,
        PRIMARY KEY (manifest, position)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX image_layers_layer ON image_layers (layer);
      CREATE INDEX image_layers_diff_id ON image_layers (diff_id) WHERE diff_id IS NOT NULL;
      CREATE TABLE image_labels (
        manifest TEXT NOT NULL REFERENCES image_facts (manifest) ON DELETE CASCADE,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (manifest, name)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX image_labels_name ON image_labels (name, value);
      CREATE TABLE documentation (
        repository TEXT NOT NULL PRIMARY KEY,
        description TEXT,
        readme TEXT,
        links TEXT,
        logo TEXT,
        image TEXT
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE stars (
        repository TEXT NOT NULL,
        name TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (repository, name)
      ) STRICT, WITHOUT ROWID;
    `,
  },
];
