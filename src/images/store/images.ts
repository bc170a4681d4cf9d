import type { Database, Row, Statement } from '#database';
import type { Digest, DiffId, ImageId } from '#oci';
import { statBlob } from './blobs.ts';
import { storeErrors } from './errors.ts';
import { loadImages } from './image-rows.ts';
import type { KeyedLock } from './keyed-lock.ts';
import type { ImageRecord, ImageRecords, ImageReference, LayerBlob, NewImage } from './types.ts';

const insertImage = (image: NewImage): readonly Statement[] => {
  const { platform } = image;
  const size = image.layers.reduce((sum, layer) => sum + layer.size, 0);
  return [
    {
      sql: `INSERT INTO images (id, os, architecture, variant, created, parent, labels, size, added_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET parent = coalesce(parent, excluded.parent)`,
      params: [
        image.id,
        platform.os,
        platform.architecture,
        platform.variant ?? null,
        image.created ?? null,
        image.parent ?? null,
        JSON.stringify(image.labels ?? {}),
        size,
        Date.now(),
      ],
    },
    ...image.layers.map((layer, position) => ({
      sql: 'INSERT OR IGNORE INTO image_layers (image, position, diff_id, size) VALUES (?, ?, ?, ?)',
      params: [image.id, position, layer.diffId, layer.size],
    })),
  ];
};

const keepBlob = (image: ImageId, digest: Digest): Statement => ({
  sql: `INSERT INTO image_blobs (image, digest) SELECT ?, digest FROM blobs WHERE digest = ?
        ON CONFLICT (image, digest) DO UPDATE SET digest = excluded.digest`,
  params: [image, digest],
  expectChanges: 1,
});

const blobsOf = (image: NewImage): ReadonlySet<Digest> =>
  new Set([image.id, ...(image.manifests ?? []).map((link) => link.digest), ...(image.blobs ?? [])]);

const refer = (reference: string, kind: ImageReference['kind'], image: ImageId): Statement => ({
  sql: `INSERT INTO image_references (reference, kind, image) SELECT ?, ?, id FROM images WHERE id = ?
        ON CONFLICT (reference) DO UPDATE SET image = excluded.image`,
  params: [reference, kind, image],
  expectChanges: 1,
});

const tagStatements = (reference: string, image: ImageId): readonly Statement[] => [
  refer(reference, 'tag', image),
  { sql: 'UPDATE images SET tagged_at = ? WHERE id = ?', params: [Date.now(), image] },
];

const putStatements = (image: NewImage): readonly Statement[] => [
  ...insertImage(image),
  ...(image.manifests ?? []).map((link) => ({
    sql: 'INSERT OR IGNORE INTO image_manifests (image, digest, media_type) VALUES (?, ?, ?)',
    params: [image.id, link.digest, link.mediaType],
  })),
  ...[...blobsOf(image)].map((digest) => keepBlob(image.id, digest)),
  ...(image.tags ?? []).flatMap((reference) => tagStatements(reference, image.id)),
  ...(image.repoDigests ?? []).map((reference) => refer(reference, 'digest', image.id)),
];

const assertStored = (database: Database, image: NewImage): void => {
  const missing = [...blobsOf(image)].find((digest) => statBlob(database, digest) === undefined);
  if (missing !== undefined) throw storeErrors.contentMissing({ what: `blob ${missing}` });
};

const deleteStatement = (id: ImageId, evenIfHeld: boolean): Statement => {
  const free = `AND NOT EXISTS (SELECT 1 FROM holds WHERE kind = 'image' AND key = images.id)`;
  return { sql: `DELETE FROM images WHERE id = ? ${evenIfHeld ? '' : free}`, params: [id], expectChanges: 1 };
};

const assertFree = (database: Database, id: ImageId): void => {
  const holder = database.get<Row & { holder_kind: string; holder: string; label: string | null }>(
    `SELECT holder_kind, holder, label FROM holds WHERE kind = 'image' AND key = ?`,
    id,
  );
  if (holder === undefined) return;
  throw storeErrors.imageHeld({ id, holder: `${holder.holder_kind} ${holder.label ?? holder.holder}` });
};

type ReferenceRow = Row & { reference: string; kind: 'tag' | 'digest'; image: ImageId };

const referencesOf = (database: Database, id: ImageId | undefined): readonly ImageReference[] => {
  const columns = 'SELECT reference, kind, image FROM image_references';
  const rows =
    id === undefined
      ? database.all<ReferenceRow>(`${columns} ORDER BY reference`)
      : database.all<ReferenceRow>(`${columns} WHERE image = ? ORDER BY reference`, id);
  return rows.map(({ reference, kind, image }) => ({ reference, kind, image }));
};

const idOfReference = (database: Database, reference: string): ImageId | undefined =>
  database.get<Row & { image: ImageId }>('SELECT image FROM image_references WHERE reference = ?', reference)
    ?.image;

const mustExist = (database: Database, id: ImageId): void => {
  if (database.get('SELECT 1 FROM images WHERE id = ?', id) === undefined)
    throw storeErrors.imageNotFound({ id });
};

const idsWhere = (database: Database, condition: string, ...params: readonly string[]): readonly ImageId[] =>
  database
    .all<Row & { id: ImageId }>(`SELECT id FROM images WHERE ${condition} ORDER BY id`, ...params)
    .map((row) => row.id);

const readers = (database: Database) => {
  const get = (id: ImageId): ImageRecord | undefined => loadImages(database, id)[0];
  return {
    get,
    list: () => loadImages(database),
    byReference(reference: string) {
      const id = idOfReference(database, reference);
      return id === undefined ? undefined : get(id);
    },
    findByIdPrefix: (prefix: string) =>
      idsWhere(database, 'id >= ? AND id < ?', `sha256:${prefix}`, `sha256:${prefix}g`),
    references: (id?: ImageId) => referencesOf(database, id),
    children: (id: ImageId) => idsWhere(database, 'parent = ?', id),
    layerBlobs: (diffId: DiffId): readonly LayerBlob[] =>
      database
        .all<Row & { digest: Digest; size: number; media_type: string }>(
          `SELECT digest, size, media_type FROM layer_blobs JOIN blobs USING (digest) WHERE diff_id = ?`,
          diffId,
        )
        .map(({ digest, size, media_type: mediaType }) => ({ digest, size, mediaType })),
  };
};

export const createImageRecords = (database: Database, lock: KeyedLock): ImageRecords => {
  const read = readers(database);
  return {
    ...read,
    async put(image) {
      assertStored(database, image);
      await database.write(putStatements(image));
      const record = read.get(image.id);
      if (record === undefined) throw storeErrors.imageNotFound({ id: image.id });
      return record;
    },
    tag: (reference, id) =>
      lock(reference, async () => {
        mustExist(database, id);
        const before = idOfReference(database, reference);
        await database.write(tagStatements(reference, id));
        return before;
      }),
    async addRepoDigest(reference, id) {
      mustExist(database, id);
      await database.write([refer(reference, 'digest', id)]);
    },
    async untag(reference) {
      const sql = 'DELETE FROM image_references WHERE reference = ?';
      const [result] = await database.write([{ sql, params: [reference] }]);
      return result?.changes === 1;
    },
    async remove(id, options = {}) {
      mustExist(database, id);
      const evenIfHeld = options.evenIfHeld === true;
      if (!evenIfHeld) assertFree(database, id);
      await database.write([
        deleteStatement(id, evenIfHeld),
        { sql: 'UPDATE images SET parent = NULL WHERE parent = ?', params: [id] },
      ]);
    },
    async linkLayerBlob(diffId, blob) {
      const sql = `INSERT INTO layer_blobs (diff_id, digest, media_type) SELECT ?, digest, ? FROM blobs WHERE digest = ?
                   ON CONFLICT (diff_id, digest) DO UPDATE SET media_type = excluded.media_type`;
      await database.write([{ sql, params: [diffId, blob.mediaType, blob.digest], expectChanges: 1 }]);
    },
  };
};
