import type { Migration } from '#database';

const ROOM = 'network';

/** Tables of this room. Lists and maps are JSON. */
export const networkMigrations: readonly Migration[] = [
  {
    room: ROOM,
    version: 1,
    sql: `
CREATE TABLE networks (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  driver TEXT NOT NULL,
  created TEXT NOT NULL,
  internal INTEGER NOT NULL,
  attachable INTEGER NOT NULL,
  predefined INTEGER NOT NULL,
  options TEXT NOT NULL,
  labels TEXT NOT NULL,
  device TEXT,
  ipam TEXT,
  chosen INTEGER NOT NULL
) STRICT;
CREATE TABLE network_endpoints (
  id TEXT NOT NULL PRIMARY KEY,
  network_id TEXT NOT NULL REFERENCES networks (id),
  container_id TEXT NOT NULL,
  ip TEXT NOT NULL,
  record TEXT NOT NULL,
  UNIQUE (network_id, container_id)
) STRICT;
`,
  },
];
