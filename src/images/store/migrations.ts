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
  {
    room: 'store',
    version: 2,
    sql: `
ALTER TABLE images ADD COLUMN kind TEXT NOT NULL DEFAULT 'image';
ALTER TABLE images ADD COLUMN unpacked INTEGER NOT NULL DEFAULT 1;
ALTER TABLE images ADD COLUMN member INTEGER NOT NULL DEFAULT 0;

ALTER TABLE image_references ADD COLUMN target TEXT;
ALTER TABLE image_references ADD COLUMN target_type TEXT;
CREATE INDEX image_references_by_target ON image_references (target) WHERE target IS NOT NULL;

CREATE TABLE targets (
  digest TEXT PRIMARY KEY, media_type TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE target_members (
  target TEXT NOT NULL REFERENCES targets (digest) ON DELETE CASCADE,
  manifest TEXT NOT NULL, media_type TEXT NOT NULL,
  position INTEGER NOT NULL, kind TEXT NOT NULL,
  image TEXT REFERENCES images (id) ON DELETE CASCADE,
  subject TEXT, platform TEXT,
  PRIMARY KEY (target, manifest)
) STRICT, WITHOUT ROWID;
CREATE INDEX target_members_by_image ON target_members (image) WHERE image IS NOT NULL;
CREATE TABLE target_blobs (
  target TEXT NOT NULL REFERENCES targets (digest) ON DELETE CASCADE,
  digest TEXT NOT NULL REFERENCES blobs (digest) ON DELETE CASCADE,
  PRIMARY KEY (target, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX target_blobs_by_digest ON target_blobs (digest);
`,
  },
];
