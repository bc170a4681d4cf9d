import type { Database, Row, Statement } from '#database';
import type { Digest, DiffId, ImageId } from '#oci';
import { statBlob } from './blobs.ts';
import { createDeletionStatements } from './deletions.ts';
import { storeErrors } from './errors.ts';
import { createImageCache } from './image-cache.ts';
import { loadImages } from './image-rows.ts';
import { createImageUses } from './image-uses.ts';
import type { KeyedLock } from './keyed-lock.ts';
import { contentOf, unneededLayers } from './ownership.ts';
import { readShares } from './shares.ts';
import {
  hiddenMembers,
  isHiddenMember,
  loadTarget,
  targetBlobs,
  targetParams,
  targetStatements,
  targetsOf,
} from './targets.ts';
import type { Deletion } from './space-types.ts';
import type {
  ImageRecord,
  ImageRecords,
  ImageReference,
  LayerBlob,
  ManifestLink,
  NewImage,
  NewTarget,
} from './types.ts';

const INSERT_IMAGE = `
  INSERT INTO images
    (id, kind, os, architecture, variant, created, parent, labels, size, added_at, unpacked, member)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET
    parent = coalesce(parent, excluded.parent),
    size = CASE WHEN excluded.unpacked > unpacked THEN excluded.size ELSE size END,
    unpacked = max(unpacked, excluded.unpacked),
    member = CASE WHEN ? THEN min(member, excluded.member) ELSE member END`;

/**
 * `alone`: recorded by itself, which says nothing about a record that is there; `main`: the image that names mean;
 * `member`: one that goes with its target.
 */
type Role = 'alone' | 'main' | 'member';

const insertImage = (image: NewImage, role: Role): readonly Statement[] => {
  const { platform, unpacked = true } = image;
  const size = image.size ?? image.layers.reduce((sum, layer) => sum + layer.size, 0);
  const conflict = unpacked ? 'DO UPDATE SET size = excluded.size' : 'DO NOTHING';
  return [
    {
      sql: INSERT_IMAGE,
      params: [
        image.id,
        image.kind ?? 'image',
        platform.os,
        platform.architecture,
        platform.variant ?? null,
        image.created ?? null,
        image.parent ?? null,
        JSON.stringify(image.labels ?? {}),
        size,
        Date.now(),
        unpacked ? 1 : 0,
        role === 'member' ? 1 : 0,
        role === 'alone' ? 0 : 1,
      ],
    },
    ...image.layers.map((layer, position) => ({
      sql: `INSERT INTO image_layers (image, position, diff_id, size) VALUES (?, ?, ?, ?)
            ON CONFLICT (image, position) ${conflict}`,
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

const linkStatement = ({
  diffId,
  digest,
  mediaType,
}: ManifestLink & { readonly diffId: DiffId }): Statement => ({
  sql: `INSERT INTO layer_blobs (diff_id, digest, media_type) SELECT ?, digest, ? FROM blobs WHERE digest = ?
        ON CONFLICT (diff_id, digest) DO UPDATE SET media_type = excluded.media_type`,
  params: [diffId, mediaType, digest],
  expectChanges: 1,
});

const blobsOf = (image: NewImage): ReadonlySet<Digest> =>
  new Set([image.id, ...(image.manifests ?? []).map((link) => link.digest), ...(image.blobs ?? [])]);

interface Meaning {
  readonly image: ImageId;
  readonly target: ManifestLink | undefined;
}

const refer = (reference: string, kind: ImageReference['kind'], { image, target }: Meaning): Statement => ({
  sql: `INSERT INTO image_references (reference, kind, image, target, target_type)
        SELECT ?, ?, id, ?, ? FROM images WHERE id = ?
        ON CONFLICT (reference) DO UPDATE SET
          image = excluded.image, target = excluded.target, target_type = excluded.target_type`,
  params: [reference, kind, ...targetParams(target), image],
  expectChanges: 1,
});

const tagStatements = (reference: string, meaning: Meaning): readonly Statement[] => [
  refer(reference, 'tag', meaning),
  { sql: 'UPDATE images SET tagged_at = ? WHERE id = ?', params: [Date.now(), meaning.image] },
];

const nameStatements = (
  { tags = [], repoDigests = [] }: Pick<NewImage, 'tags' | 'repoDigests'>,
  meaning: Meaning,
): readonly Statement[] => [
  ...tags.flatMap((reference) => tagStatements(reference, meaning)),
  ...repoDigests.map((reference) => refer(reference, 'digest', meaning)),
];

const putStatements = (image: NewImage, role: Role = 'alone'): readonly Statement[] => [
  ...insertImage(image, role),
  ...(image.manifests ?? []).map((link) => ({
    sql: 'INSERT OR IGNORE INTO image_manifests (image, digest, media_type) VALUES (?, ?, ?)',
    params: [image.id, link.digest, link.mediaType],
  })),
  ...[...blobsOf(image)].map((digest) => keepBlob(image.id, digest)),
  ...(image.layerBlobs ?? []).map(linkStatement),
  ...nameStatements(image, { image: image.id, target: image.target }),
];

const imagesOf = (target: NewTarget): readonly NewImage[] =>
  target.members.map((member) => member.image).filter((image) => image !== undefined);

const putTargetStatements = (target: NewTarget): readonly Statement[] => [
  ...imagesOf(target).flatMap((image) => putStatements(image, image.id === target.image ? 'main' : 'member')),
  ...targetStatements(target),
  ...nameStatements(target, { image: target.image, target }),
];

const assertStored = (database: Database, digests: Iterable<Digest>): void => {
  const missing = [...digests].find((digest) => statBlob(database, digest) === undefined);
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

type ReferenceRow = Row & {
  reference: string;
  kind: 'tag' | 'digest';
  image: ImageId;
  target: Digest | null;
  target_type: string | null;
};

const REFERENCES = 'SELECT reference, kind, image, target, target_type FROM image_references';

const toReference = (row: ReferenceRow): ImageReference => ({
  reference: row.reference,
  kind: row.kind,
  image: row.image,
  target: row.target === null ? undefined : { digest: row.target, mediaType: row.target_type ?? '' },
});

const referencesOf = (database: Database, id: ImageId | undefined): readonly ImageReference[] => {
  const rows =
    id === undefined
      ? database.all<ReferenceRow>(`${REFERENCES} ORDER BY reference`)
      : database.all<ReferenceRow>(`${REFERENCES} WHERE image = ? ORDER BY reference`, id);
  return rows.map(toReference);
};

const referenceNamed = (database: Database, reference: string): ImageReference | undefined => {
  const row = database.get<ReferenceRow>(`${REFERENCES} WHERE reference = ?`, reference);
  return row === undefined ? undefined : toReference(row);
};

const idOfReference = (database: Database, reference: string): ImageId | undefined =>
  referenceNamed(database, reference)?.image;

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
  const readReferences = (id?: ImageId): readonly ImageReference[] => referencesOf(database, id);
  const cache = createImageCache({ database, readReferences });
  return {
    get,
    list: () => cache.records(),
    byReference(reference: string) {
      const id = idOfReference(database, reference);
      return id === undefined ? undefined : get(id);
    },
    findByIdPrefix: (prefix: string) =>
      ['sha256', 'sha512'].flatMap((algorithm) =>
        idsWhere(database, 'id >= ? AND id < ?', `${algorithm}:${prefix}`, `${algorithm}:${prefix}g`),
      ),
    references: (id?: ImageId) => (id === undefined ? cache.references() : readReferences(id)),
    referencesTo: (target: Digest) =>
      database
        .all<ReferenceRow>(`${REFERENCES} WHERE target = ? ORDER BY reference`, target)
        .map(toReference),
    withLayer: (diffId: DiffId) =>
      database
        .all<Row & { image: ImageId }>('SELECT DISTINCT image FROM image_layers WHERE diff_id = ?', diffId)
        .map((row) => row.image),
    reference: (reference: string) => referenceNamed(database, reference),
    target: (digest: Digest) => loadTarget(database, digest),
    targetsOf: (id: ImageId) => targetsOf(database, id),
    members: () => hiddenMembers(database),
    isMember: (id: ImageId) => isHiddenMember(database, id),
    content: (id: ImageId) => contentOf(database, id),
    unneeded: (diffIds: readonly DiffId[]) => unneededLayers(database, diffIds),
    shares: () => readShares(database),
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
  const keep = createDeletionStatements(database);
  const mustGet = (id: ImageId): ImageRecord => {
    const record = read.get(id);
    if (record === undefined) throw storeErrors.imageNotFound({ id });
    return record;
  };
  const untagStatements = (reference: string, deletion: Deletion | undefined): readonly Statement[] => [
    ...(deletion === undefined ? [] : keep.ofReference(deletion, reference)),
    { sql: 'DELETE FROM image_references WHERE reference = ?', params: [reference] },
  ];
  return {
    ...read,
    ...createImageUses(database),
    async put(image) {
      assertStored(database, blobsOf(image));
      await database.write(putStatements(image));
      return mustGet(image.id);
    },
    async putTarget(target) {
      assertStored(
        database,
        imagesOf(target).flatMap((image) => [...blobsOf(image)]),
      );
      assertStored(database, targetBlobs(target));
      await database.write(putTargetStatements(target));
      return mustGet(target.image);
    },
    tag: (reference, id, target) =>
      lock(reference, async () => {
        mustExist(database, id);
        const before = idOfReference(database, reference);
        await database.write(tagStatements(reference, { image: id, target }));
        return before;
      }),
    async addRepoDigest(reference, id, target) {
      mustExist(database, id);
      await database.write([refer(reference, 'digest', { image: id, target })]);
    },
    async untag(reference, { deletion } = {}) {
      const results = await database.write(untagStatements(reference, deletion));
      return results.at(-1)?.changes === 1;
    },
    async remove(id, options = {}) {
      mustExist(database, id);
      const evenIfHeld = options.evenIfHeld === true;
      if (!evenIfHeld) assertFree(database, id);
      await database.write([
        ...(options.untag ?? []).flatMap((reference) => untagStatements(reference, options.deletion)),
        ...(options.deletion === undefined ? keep.forget(id) : keep.ofImage(options.deletion, id)),
        deleteStatement(id, evenIfHeld),
        { sql: 'UPDATE images SET parent = NULL WHERE parent = ?', params: [id] },
      ]);
    },
    async linkLayerBlob(diffId, blob) {
      await database.write([linkStatement({ ...blob, diffId })]);
    },
  };
};
