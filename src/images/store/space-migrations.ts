import type { Migration } from '#database';

/**
 * Tables about space. `deletions` with `deleted_rows` is what can be brought back: each row as JSON, in the order it
 * was taken; the content is kept by holds of the kind `undo` whose holder is the deletion.
 */
export const spaceMigrations: readonly Migration[] = [
  {
    room: 'store-space',
    version: 1,
    sql: `
CREATE TABLE deletions (
  id TEXT PRIMARY KEY, cause TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE deleted_rows (
  position INTEGER PRIMARY KEY,
  deletion TEXT NOT NULL REFERENCES deletions (id) ON DELETE CASCADE,
  image TEXT NOT NULL, place TEXT NOT NULL, content TEXT NOT NULL
) STRICT;
CREATE INDEX deleted_rows_by_deletion ON deleted_rows (deletion, image);

CREATE TABLE image_uses (
  image TEXT PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE, used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX images_members ON images (member) WHERE member = 1;
`,
  },
  {
    room: 'store-space',
    version: 2,
    sql: 'CREATE INDEX deleted_rows_by_image ON deleted_rows (image)',
  },
];
