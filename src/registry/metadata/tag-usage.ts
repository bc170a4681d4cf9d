import type { Database, Row } from '#database';
import type { Digest } from '#oci';
import type { TagUsage } from './accounting-types.ts';

/**
 * Orders of joins and indexes are given: without statistics the planner reads all edges of the repository for each tag.
 *
 * `closure`: the tag's manifest and those it lists, at any depth. `common`: those of them that something outside has too,
 * with everything below.
 */
const USAGE = `
  WITH RECURSIVE
  closure (digest) AS (
    SELECT digest FROM tags WHERE repository = ?1 AND name = ?2
    UNION
    SELECT m.digest FROM closure c CROSS JOIN edges e ON e.repository = ?1 AND e.manifest = c.digest AND e.kind = 'manifest'
      CROSS JOIN manifests m ON m.repository = ?1 AND m.digest = e.digest
  ),
  common (digest) AS (
    SELECT c.digest FROM closure c
    WHERE EXISTS (SELECT 1 FROM tags t WHERE t.repository = ?1 AND t.digest = c.digest AND t.name <> ?2)
      OR EXISTS (SELECT 1 FROM edges e INDEXED BY edges_digest WHERE e.repository = ?1 AND e.digest = c.digest AND e.kind = 'manifest'
        AND e.manifest NOT IN (SELECT digest FROM closure))
    UNION
    SELECT e.digest FROM common c CROSS JOIN edges e ON e.repository = ?1 AND e.manifest = c.digest AND e.kind = 'manifest'
  ),
  held (kind, size, shared) AS (
    SELECT 'manifest', m.size, c.digest IN (SELECT digest FROM common)
      OR EXISTS (SELECT 1 FROM manifests o WHERE o.digest = c.digest AND o.repository <> ?1)
    FROM closure c CROSS JOIN manifests m ON m.repository = ?1 AND m.digest = c.digest
    UNION ALL
    SELECT 'blob', b.size,
      EXISTS (SELECT 1 FROM edges e INDEXED BY edges_digest WHERE e.repository = ?1 AND e.digest = b.digest AND e.kind = 'blob'
        AND (e.manifest NOT IN (SELECT digest FROM closure) OR e.manifest IN (SELECT digest FROM common)))
      OR EXISTS (SELECT 1 FROM links o WHERE o.digest = b.digest AND o.repository <> ?1)
    FROM (SELECT DISTINCT e.digest FROM closure c
      CROSS JOIN edges e ON e.repository = ?1 AND e.manifest = c.digest AND e.kind = 'blob') d
    CROSS JOIN links l ON l.repository = ?1 AND l.digest = d.digest
    CROSS JOIN blobs b ON b.digest = d.digest
  )
  SELECT count(*) FILTER (WHERE kind = 'manifest') AS manifests, count(*) FILTER (WHERE kind = 'blob') AS blobs,
    coalesce(sum(size), 0) AS total, coalesce(sum(size) FILTER (WHERE shared), 0) AS shared
  FROM held`;

/** What the tag of a row with `name` and `digest` holds. */
export const tagUsageOf = (database: Database, repository: string, tag: Row): TagUsage => {
  const name = String(tag['name']);
  const row = database.get(USAGE, repository, name);
  const [total, shared] = [Number(row?.['total']), Number(row?.['shared'])];
  return {
    tag: name,
    digest: String(tag['digest']) as Digest,
    manifests: Number(row?.['manifests']),
    blobs: Number(row?.['blobs']),
    total,
    unique: total - shared,
    shared,
  };
};
