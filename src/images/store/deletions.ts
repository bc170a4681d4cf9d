import { randomBytes } from 'node:crypto';
import type { Database, Row, Statement } from '#database';
import type { Digest, DiffId, ImageId } from '#oci';
import { CHOSEN, createDeletedRows, paramsOf, type ChosenRows, type DeletedRow } from './deleted-rows.ts';
import { storeErrors } from './errors.ts';
import type { Content, Deletion, Deletions, KeptDeletion, Restored } from './space-types.ts';

/** Holder kind of what a deletion keeps. */
export const UNDO = 'undo';

/** What a removal writes beside its own statements so that it can be undone. */
export interface DeletionStatements {
  ofImage(deletion: Deletion, image: ImageId): readonly Statement[];
  ofReference(deletion: Deletion, reference: string): readonly Statement[];
  /** Nothing of this image can be brought back any more. */
  forget(image: ImageId): readonly Statement[];
}

const begin = ({ id, cause, createdAt, expiresAt }: Deletion): Statement => ({
  sql: `INSERT INTO deletions (id, cause, created_at, expires_at) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
  params: [id, cause, createdAt, expiresAt],
});

const holdStatement = (id: string, select: string, value: string): Statement => ({
  sql: `INSERT OR IGNORE INTO holds (holder_kind, holder, kind, key) SELECT '${UNDO}', ?, ${select}`,
  params: [id, value],
});

const releaseStatements = (id: string): readonly Statement[] => [
  { sql: `DELETE FROM holds WHERE holder_kind = '${UNDO}' AND holder = ?`, params: [id] },
  { sql: 'DELETE FROM deletions WHERE id = ?', params: [id] },
];

/** Deletions that an image is part of, and whether they have others. */
const deletionsOf = (
  database: Database,
  image: ImageId,
): readonly { readonly id: string; readonly others: boolean }[] =>
  database
    .all<Row & { id: string; others: number }>(
      `SELECT DISTINCT deletion AS id, EXISTS (
         SELECT 1 FROM deleted_rows AS other WHERE other.deletion = deleted_rows.deletion AND other.image <> ?1
       ) AS others FROM deleted_rows WHERE image = ?1`,
      image,
    )
    .map(({ id, others }) => ({ id, others: others === 1 }));

export const createDeletionStatements = (database: Database): DeletionStatements => {
  const rows = createDeletedRows(database);
  return {
    forget: (image) =>
      deletionsOf(database, image).flatMap(({ id, others }) => [
        { sql: 'DELETE FROM deleted_rows WHERE image = ? AND deletion = ?', params: [image, id] },
        ...(others ? [] : releaseStatements(id)),
      ]),
    ofImage: (deletion, image) => [
      begin(deletion),
      ...rows.keepImage(deletion.id, image),
      holdStatement(deletion.id, `'blob', digest FROM image_blobs WHERE image = ?`, image),
      holdStatement(deletion.id, `'layer', diff_id FROM image_layers WHERE image = ?`, image),
    ],
    ofReference: (deletion, reference) => [
      begin(deletion),
      ...rows.keepReference(deletion.id, reference),
      holdStatement(
        deletion.id,
        `'blob', target FROM image_references WHERE target IS NOT NULL AND reference = ?`,
        reference,
      ),
    ],
  };
};

const referenceOf = (row: DeletedRow): string | undefined =>
  row.place === 'image_references'
    ? String((JSON.parse(row.content) as { reference: unknown }).reference)
    : undefined;

type DeletionRow = Row & { id: string; cause: string; created_at: number; expires_at: number };

const rowsOf = (database: Database, id: string): readonly DeletedRow[] =>
  database
    .all<Row & { position: number; image: ImageId; place: string; content: string }>(
      'SELECT position, image, place, content FROM deleted_rows WHERE deletion = ? ORDER BY position',
      id,
    )
    .map(({ position, image, place, content }) => ({ position, image, place, content }));

const valueOf = ({ id, cause, created_at, expires_at }: DeletionRow): Deletion => ({
  id,
  cause,
  createdAt: created_at,
  expiresAt: expires_at,
});

const keptOf = (database: Database, row: DeletionRow): KeptDeletion => {
  const rows = rowsOf(database, row.id);
  return {
    ...valueOf(row),
    images: rows.filter(({ place }) => place === 'images').map(({ image }) => image),
    references: rows.flatMap((deleted) => {
      const reference = referenceOf(deleted);
      return reference === undefined ? [] : [{ reference, image: deleted.image }];
    }),
  };
};

const readHolder = (database: Database, reference: string): ImageId | undefined =>
  database.get<Row & { image: ImageId }>('SELECT image FROM image_references WHERE reference = ?', reference)
    ?.image;

/** A parent that is gone for good is none. */
const FORGET_PARENTS = `UPDATE images SET parent = NULL WHERE parent IS NOT NULL
  AND id IN (SELECT image FROM deleted_rows AS kept WHERE ${CHOSEN} AND place = 'images')
  AND NOT EXISTS (SELECT 1 FROM images AS other WHERE other.id = images.parent)`;

const ALL_BACK = 'NOT EXISTS (SELECT 1 FROM deleted_rows WHERE deletion = ?1)';

/** Ends a deletion of which nothing is left. */
const endStatements = (id: string): readonly Statement[] => [
  { sql: `DELETE FROM holds WHERE holder_kind = '${UNDO}' AND holder = ?1 AND ${ALL_BACK}`, params: [id] },
  { sql: `DELETE FROM deletions WHERE id = ?1 AND ${ALL_BACK}`, params: [id] },
];

const restoreRows = async (
  database: Database,
  rows: readonly DeletedRow[],
  which: ChosenRows,
): Promise<Restored> => {
  const tables = createDeletedRows(database);
  const names = rows.flatMap((row) => {
    const reference = referenceOf(row);
    return reference === undefined ? [] : [{ reference, image: row.image }];
  });
  const taken = names.flatMap(({ reference, image }) => {
    const by = readHolder(database, reference);
    return by === undefined || by === image ? [] : [{ reference, image, by }];
  });
  const images = rows.filter(({ place }) => place === 'images').map(({ image }) => image);
  const restored = new Set(images);
  const known = (image: ImageId): boolean =>
    restored.has(image) || database.get('SELECT 1 FROM images WHERE id = ?', image) !== undefined;
  const lost = names.filter(({ image }) => !known(image)).map(({ reference }) => reference);
  if (images.length === 0 && names.length > 0 && taken.length + lost.length >= names.length)
    throw taken[0] === undefined
      ? storeErrors.undoImageGone({ name: lost.join(', ') })
      : storeErrors.undoNameTaken({ name: taken[0].reference, by: taken[0].by });
  await database.write([
    ...tables.bringBack(which),
    { sql: FORGET_PARENTS, params: paramsOf(which) },
    tables.forget(which),
    ...endStatements(which.deletion),
  ]);
  const away = new Set([...taken.map(({ reference }) => reference), ...lost]);
  return { images, references: names.filter(({ reference }) => !away.has(reference)), taken, lost };
};

/** What holds of these deletions name, which may be free when they go. */
const contentOf = (database: Database, ids: readonly string[]): Content => {
  const keys = ids.flatMap((id) =>
    database.all<Row & { kind: string; key: string }>(
      `SELECT kind, key FROM holds WHERE holder_kind = '${UNDO}' AND holder = ?`,
      id,
    ),
  );
  const of = (kind: string): ReadonlySet<string> =>
    new Set(keys.filter((row) => row.kind === kind).map((row) => row.key));
  return { blobs: [...of('blob')] as Digest[], layers: [...of('layer')] as DiffId[] };
};

export const createDeletions = (database: Database): Deletions => {
  const read = (condition: string, ...params: readonly (string | number)[]): readonly DeletionRow[] =>
    database.all<DeletionRow>(
      `SELECT id, cause, created_at, expires_at FROM deletions WHERE ${condition} ORDER BY created_at DESC, id`,
      ...params,
    );
  const letGo = async (ids: readonly string[]): Promise<Content> => {
    const content = contentOf(database, ids);
    await database.write(ids.flatMap(releaseStatements));
    return content;
  };
  return {
    begin({ cause, keepMs }) {
      const createdAt = Date.now();
      return { id: randomBytes(6).toString('hex'), cause, createdAt, expiresAt: createdAt + keepMs };
    },
    list: () => read('true').map((row) => keptOf(database, row)),
    count: () => database.get<Row & { n: number }>('SELECT count(*) AS n FROM deletions')?.n ?? 0,
    oldest() {
      const row = database.get<DeletionRow>(
        `SELECT id, cause, created_at, expires_at FROM deletions ORDER BY created_at, id DESC LIMIT 1`,
      );
      return row === undefined ? undefined : valueOf(row);
    },
    nextExpiry: () =>
      database.get<Row & { at: number | null }>('SELECT min(expires_at) AS at FROM deletions')?.at ??
      undefined,
    async restore(id, image) {
      const rows = rowsOf(database, id).filter((row) => image === undefined || row.image === image);
      if (rows.length === 0) throw storeErrors.deletionNotFound({ id });
      const last = rows.at(-1)?.position ?? 0;
      return await restoreRows(database, rows, { deletion: id, image, last });
    },
    letGo,
    expire: (now) => letGo(read('expires_at <= ?', now).map(({ id }) => id)),
  };
};
