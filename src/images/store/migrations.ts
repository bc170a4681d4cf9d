import type { Migration } from '#database';

/** The tables of this room. */
export const storeMigrations: readonly Migration[] = [
  {
    room: 'store',
    version: 1,
    sql: `
CREATE TABLE blobs (
  digest TEXT PRIMARY KEY, size INTEGER NOT NULL, created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
  id TEXT PRIMARY KEY, label TEXT NOT NULL, everything INTEGER NOT NULL,
  created_at INTEGER NOT NULL, expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE lease_items (
  lease TEXT NOT NULL REFERENCES leases (id) ON DELETE CASCADE,
  kind TEXT NOT NULL, key TEXT NOT NULL,
  PRIMARY KEY (kind, key, lease)
) STRICT, WITHOUT ROWID;
CREATE INDEX lease_items_by_lease ON lease_items (lease);

CREATE TABLE images (
  id TEXT PRIMARY KEY, os TEXT NOT NULL, architecture TEXT NOT NULL, variant TEXT,
  created TEXT, parent TEXT, labels TEXT NOT NULL, size INTEGER NOT NULL,
  added_at INTEGER NOT NULL, tagged_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX images_by_parent ON images (parent);
CREATE TABLE image_layers (
  image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  position INTEGER NOT NULL, diff_id TEXT NOT NULL, size INTEGER NOT NULL,
  PRIMARY KEY (image, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_layers_by_diff_id ON image_layers (diff_id);
CREATE TABLE image_manifests (
  image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  digest TEXT NOT NULL, media_type TEXT NOT NULL,
  PRIMARY KEY (image, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE image_blobs (
  image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  digest TEXT NOT NULL REFERENCES blobs (digest),
  PRIMARY KEY (image, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_blobs_by_digest ON image_blobs (digest);

CREATE TABLE image_references (
  reference TEXT PRIMARY KEY, kind TEXT NOT NULL,
  image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX image_references_by_image ON image_references (image);

CREATE TABLE layer_blobs (
  diff_id TEXT NOT NULL,
  digest TEXT NOT NULL REFERENCES blobs (digest) ON DELETE CASCADE,
  media_type TEXT NOT NULL,
  PRIMARY KEY (diff_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX layer_blobs_by_digest ON layer_blobs (digest);

CREATE TABLE holds (
  holder_kind TEXT NOT NULL, holder TEXT NOT NULL, label TEXT,
  kind TEXT NOT NULL, key TEXT NOT NULL,
  PRIMARY KEY (kind, key, holder_kind, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX holds_by_holder ON holds (holder_kind, holder);
`,
  },
];
