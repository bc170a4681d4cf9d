import type { Database, Row } from '#database';
import type { Digest, DiffId, ImageId } from '#oci';
import { UNDO } from './deletions.ts';
import type { Content, Keeping, Ownership, Refetchable } from './space-types.ts';

type KeyRow = Row & { key: string };
type OwnerRow = Row & { key: string; image: ImageId | null; holder: string | null };

const keysOf = <T extends string>(database: Database, sql: string, id: string): readonly T[] =>
  database.all<KeyRow>(sql, id).map((row) => row.key as T);

/** Blobs and layers that an image's record names. */
export const contentOf = (database: Database, id: ImageId): Content => ({
  blobs: keysOf<Digest>(database, 'SELECT digest AS key FROM image_blobs WHERE image = ?', id),
  layers: keysOf<DiffId>(database, 'SELECT DISTINCT diff_id AS key FROM image_layers WHERE image = ?', id),
});

const NEEDED = `
  SELECT 1 WHERE EXISTS (SELECT 1 FROM image_layers WHERE diff_id = ?1)
  OR EXISTS (SELECT 1 FROM lease_items WHERE kind = 'layer' AND key = ?1)
  OR EXISTS (SELECT 1 FROM holds WHERE kind = 'layer' AND key = ?1 AND holder_kind <> '${UNDO}')`;

export const unneededLayers = (database: Database, diffIds: readonly DiffId[]): readonly DiffId[] =>
  diffIds.filter((diffId) => database.get(NEEDED, diffId) === undefined);

/** An index that is there only because a deletion can be undone. */
const UNDONE_TARGETS = `
  SELECT digest FROM targets WHERE NOT EXISTS (SELECT 1 FROM image_references AS r WHERE r.target = targets.digest)`;

/** Images that came with such an index and are there for nothing else. */
const UNDONE_IMAGES = `
  SELECT id FROM images WHERE member = 1
  AND NOT EXISTS (SELECT 1 FROM image_references AS r WHERE r.image = images.id)
  AND NOT EXISTS (SELECT 1 FROM holds AS h WHERE h.kind = 'image' AND h.key = images.id)
  AND NOT EXISTS (SELECT 1 FROM target_members AS m WHERE m.image = images.id AND m.target NOT IN (${UNDONE_TARGETS}))`;

/** One row for each owner of each piece of content; `image` or `holder` says who. */
const OWNERS = (kind: 'blob' | 'layer'): string => `
  SELECT ${kind === 'blob' ? 'digest' : 'diff_id'} AS key,
    CASE WHEN image IN undone THEN NULL ELSE image END AS image,
    CASE WHEN image IN undone THEN '${UNDO}' END AS holder
  FROM ${kind === 'blob' ? 'image_blobs' : 'image_layers'}
  UNION ALL SELECT key, NULL, 'lease ' || lease FROM lease_items WHERE kind = '${kind}'
  UNION ALL SELECT key, NULL, holder_kind FROM holds WHERE kind = '${kind}'
  ${
    kind === 'layer'
      ? ''
      : `UNION ALL SELECT digest, NULL, CASE WHEN target IN (${UNDONE_TARGETS}) THEN '${UNDO}' ELSE 'index ' || target END FROM target_blobs`
  }`;

const LEASE = 'lease ';

const readOwners = <T extends string>(
  database: Database,
  kind: 'blob' | 'layer',
  isLive: (lease: string) => boolean,
): ReadonlyMap<T, Keeping> => {
  const holderName = (holder: string): string => {
    if (!holder.startsWith(LEASE)) return holder;
    return isLive(holder.slice(LEASE.length)) ? 'lease' : 'resumable';
  };
  const rows = database.all<OwnerRow>(`WITH undone AS (${UNDONE_IMAGES}) ${OWNERS(kind)}`);
  return new Map(
    [...Map.groupBy(rows, (row) => row.key as T)].map(([key, owners]) => [
      key,
      {
        images: [...new Set(owners.flatMap(({ image }) => (image === null ? [] : [image])))],
        holders: [...new Set(owners.flatMap(({ holder }) => (holder === null ? [] : [holderName(holder)])))],
      },
    ]),
  );
};

/** What keeps each blob and each layer that anything keeps. */
export const readOwnership = (database: Database, isLive: (lease: string) => boolean): Ownership => ({
  blobs: readOwners<Digest>(database, 'blob', isLive),
  layers: readOwners<DiffId>(database, 'layer', isLive),
});

/**
 * Compressed layers, of images that are unpacked here, for which a repository is known that had them when the image
 * was pulled or pushed.
 */
const REFETCHABLE = `
  SELECT blobs.digest AS digest, blobs.size AS size, max(coalesce(uses.used_at, images.added_at)) AS used
  FROM blobs
  JOIN image_blobs ON image_blobs.digest = blobs.digest
  JOIN images ON images.id = image_blobs.image
  LEFT JOIN image_uses AS uses ON uses.image = images.id
  WHERE EXISTS (SELECT 1 FROM layer_blobs WHERE layer_blobs.digest = blobs.digest)
  AND NOT EXISTS (SELECT 1 FROM target_blobs WHERE target_blobs.digest = blobs.digest)
  AND NOT EXISTS (SELECT 1 FROM lease_items WHERE kind = 'blob' AND key = blobs.digest)
  AND NOT EXISTS (SELECT 1 FROM holds WHERE kind = 'blob' AND key = blobs.digest)
  GROUP BY blobs.digest
  HAVING min(images.unpacked) = 1
  AND max(EXISTS (SELECT 1 FROM image_references AS r WHERE r.image = images.id AND r.kind = 'digest')) = 1
  ORDER BY used, blobs.digest`;

export const readRefetchable = (database: Database): readonly Refetchable[] =>
  database
    .all<Row & { digest: Digest; size: number; used: number }>(REFETCHABLE)
    .map(({ digest, size, used }) => ({ digest, size, usedAt: used }));
