import type { Database, Row } from '#database';
import type { Digest } from '#oci';
import { UNDO } from './deletions.ts';
import type { Share } from './types.ts';

type ShareRow = Row & { key: Digest; size: number; owner: Digest | null };

/** Somebody who is neither an image nor an index; what can be brought back is not kept for its own sake. */
const others = (kind: 'blob' | 'layer'): string => `
  UNION SELECT key, NULL AS owner FROM lease_items WHERE kind = '${kind}'
  UNION SELECT key, NULL FROM holds WHERE kind = '${kind}' AND holder_kind <> '${UNDO}'`;

const BLOBS = `
  SELECT owners.key AS key, blobs.size AS size, owners.owner AS owner FROM (
    SELECT digest AS key, image AS owner FROM image_blobs
    UNION SELECT digest, target FROM target_blobs
    ${others('blob')}
  ) AS owners JOIN blobs ON blobs.digest = owners.key`;

const LAYERS = `
  SELECT owners.key AS key, sizes.size AS size, owners.owner AS owner FROM (
    SELECT diff_id AS key, image AS owner FROM image_layers
    ${others('layer')}
  ) AS owners JOIN (
    SELECT diff_id, max(image_layers.size) AS size FROM image_layers
    JOIN images ON images.id = image_layers.image AND images.unpacked = 1 GROUP BY diff_id
  ) AS sizes ON sizes.diff_id = owners.key`;

/** Who keeps each blob and each unpacked layer: a row for each pair. */
export const readShares = (database: Database): readonly Share[] =>
  [...database.all<ShareRow>(BLOBS), ...database.all<ShareRow>(LAYERS)].map(({ key, size, owner }) => ({
    key,
    size,
    owner: owner ?? undefined,
  }));
