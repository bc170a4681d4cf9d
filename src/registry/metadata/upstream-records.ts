import type { Database } from '#database';
import type { Digest } from '#oci';
import type { UpstreamRecords } from './upstream-types.ts';

/** The end of the names that begin with `prefix/`: `0` follows `/`. */
const below = (prefix: string): readonly [string, string, string] =>
  prefix === '' ? ['', '', '\u{10ffff}'] : [prefix, `${prefix}/`, `${prefix}0`];

const BELOW = '(repository = ?1 OR (repository > ?2 AND repository < ?3))';

const number = (database: Database, sql: string, prefix: string): number =>
  Number(database.get(sql, ...below(prefix))?.['n'] ?? 0);

const usage = (database: Database, prefix: string) => {
  const count = (sql: string): number => number(database, sql, prefix);
  return {
    repositories: count(`SELECT COUNT(DISTINCT repository) AS n FROM manifests WHERE ${BELOW}`),
    manifests: count(`SELECT COUNT(*) AS n FROM manifests WHERE ${BELOW}`),
    tags: count(`SELECT COUNT(*) AS n FROM tags WHERE ${BELOW}`),
    blobs: count(`SELECT COUNT(DISTINCT digest) AS n FROM links WHERE ${BELOW}`),
    bytes:
      count(`SELECT COALESCE(SUM(size), 0) AS n FROM manifests WHERE ${BELOW}`) +
      count(`SELECT COALESCE(SUM(size), 0) AS n FROM blobs
             WHERE digest IN (SELECT digest FROM links WHERE ${BELOW})`),
  };
};

const neededBytes = (database: Database, prefix: string): number =>
  number(database, `SELECT COALESCE(SUM(size), 0) AS n FROM manifests WHERE ${BELOW}`, prefix) +
  number(
    database,
    `SELECT COALESCE(SUM(size), 0) AS n FROM blobs WHERE digest IN (
       SELECT digest FROM links JOIN edges USING (repository, digest) WHERE kind = 'blob' AND ${BELOW})`,
    prefix,
  );

const QUICK = { durable: false } as const;

/** What is remembered of other registries, in an open database. */
export const createUpstreamRecords = (database: Database): UpstreamRecords => ({
  tag: (repository, tag) => {
    const row = database.get(
      'SELECT digest, checked_ms FROM upstream_tags WHERE repository = ? AND name = ?',
      repository,
      tag,
    );
    return row === undefined
      ? undefined
      : { digest: String(row['digest']) as Digest, checkedMs: Number(row['checked_ms']) };
  },
  tagChecked: async (repository, tag, { digest, checkedMs }) => {
    const sql = `INSERT INTO upstream_tags VALUES (?, ?, ?, ?) ON CONFLICT (repository, name)
                 DO UPDATE SET digest = excluded.digest, checked_ms = excluded.checked_ms`;
    await database.write([{ sql, params: [repository, tag, digest, checkedMs] }], QUICK);
  },
  forgetTag: async (repository, tag) => {
    const sql = 'DELETE FROM upstream_tags WHERE repository = ? AND name = ?';
    await database.write([{ sql, params: [repository, tag] }], QUICK);
  },
  used: async (uses) => {
    const sql = `INSERT INTO upstream_uses SELECT repository, digest, ?3 FROM manifests
                 WHERE repository = ?1 AND digest = ?2
                 ON CONFLICT (repository, digest) DO UPDATE SET used_ms = MAX(used_ms, excluded.used_ms)`;
    await database.write(
      uses.map(({ repository, digest, atMs }) => ({ sql, params: [repository, digest, atMs] })),
      QUICK,
    );
  },
  leastUsed: (prefix, { limit, beforeMs, offset = 0 }) =>
    database
      .all(
        `SELECT repository, digest, media_type, size, MAX(pushed_ms, COALESCE(used_ms, 0)) AS last_ms
         FROM manifests LEFT JOIN upstream_uses USING (repository, digest)
         WHERE ${BELOW} AND MAX(pushed_ms, COALESCE(used_ms, 0)) < ?4 ORDER BY last_ms LIMIT ?5 OFFSET ?6`,
        ...below(prefix),
        beforeMs,
        limit,
        offset,
      )
      .map((row) => ({
        repository: String(row['repository']),
        digest: String(row['digest']) as Digest,
        mediaType: String(row['media_type']),
        size: Number(row['size']),
        usedMs: Number(row['last_ms']),
      })),
  usage: (prefix) => usage(database, prefix),
  neededBytes: (prefix) => neededBytes(database, prefix),
});
