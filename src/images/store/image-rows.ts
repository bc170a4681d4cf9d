import type { Database, Row } from '#database';
import type { Digest, DiffId, ImageId } from '#oci';
import type { ImageKind, ImageRecord, ManifestLink } from './types.ts';

type ImageRow = Row & {
  id: ImageId;
  kind: ImageKind;
  unpacked: number;
  os: string;
  architecture: string;
  variant: string | null;
  created: string | null;
  parent: ImageId | null;
  labels: string;
  size: number;
  added_at: number;
  tagged_at: number | null;
};
type LayerRow = Row & { image: ImageId; diff_id: DiffId; size: number };
type ManifestRow = Row & { image: ImageId; digest: Digest; media_type: string };

interface Parts {
  readonly layers: readonly LayerRow[];
  readonly manifests: readonly ManifestLink[];
}

const toRecord = (row: ImageRow, { layers, manifests }: Parts): ImageRecord => ({
  id: row.id,
  kind: row.kind,
  platform: {
    os: row.os,
    architecture: row.architecture,
    ...(row.variant === null ? {} : { variant: row.variant }),
  },
  created: row.created ?? undefined,
  parent: row.parent ?? undefined,
  labels: JSON.parse(row.labels) as Readonly<Record<string, string>>,
  manifests,
  diffIds: layers.map((layer) => layer.diff_id),
  unpacked: row.unpacked === 1,
  layerSizes: layers.map((layer) => layer.size),
  size: row.size,
  addedAt: row.added_at,
  taggedAt: row.tagged_at ?? undefined,
});

const select = <R extends Row>(database: Database, sql: string, id: ImageId | undefined): readonly R[] =>
  id === undefined
    ? database.all<R>(sql.replace('$where', ''))
    : database.all<R>(sql.replace('$where', `WHERE ${sql.includes('FROM images') ? 'id' : 'image'} = ?`), id);

const linkOf = (row: ManifestRow): ManifestLink => ({ digest: row.digest, mediaType: row.media_type });

const instant = (created: string | undefined): number => (created === undefined ? 0 : Date.parse(created));

/** All records, newest first, or the one with this ID. */
export const loadImages = (database: Database, id?: ImageId): readonly ImageRecord[] => {
  const rows = select<ImageRow>(database, 'SELECT * FROM images $where', id);
  const layerSql = 'SELECT image, diff_id, size FROM image_layers $where ORDER BY image, position';
  const manifestSql = 'SELECT image, digest, media_type FROM image_manifests $where ORDER BY image, digest';
  const layers = Map.groupBy(select<LayerRow>(database, layerSql, id), (row) => row.image);
  const manifests = Map.groupBy(select<ManifestRow>(database, manifestSql, id), (row) => row.image);
  return rows
    .map((row) =>
      toRecord(row, {
        layers: layers.get(row.id) ?? [],
        manifests: (manifests.get(row.id) ?? []).map(linkOf),
      }),
    )
    .sort((a, b) => instant(b.created) - instant(a.created) || b.addedAt - a.addedAt);
};
