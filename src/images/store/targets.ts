import type { Database, Row, Statement } from '#database';
import type { Digest, ImageId, Platform } from '#oci';
import type { ManifestLink, MemberKind, NewTarget, TargetMember, TargetRecord } from './types.ts';

type TargetRow = Row & { digest: Digest; media_type: string };
type MemberRow = Row & {
  manifest: Digest;
  media_type: string;
  kind: MemberKind;
  image: ImageId | null;
  subject: Digest | null;
  platform: string | null;
};

const toMember = (row: MemberRow): TargetMember => ({
  manifest: { digest: row.manifest, mediaType: row.media_type },
  kind: row.kind,
  image: row.image ?? undefined,
  subject: row.subject ?? undefined,
  platform: row.platform === null ? undefined : (JSON.parse(row.platform) as Platform),
});

export const loadTarget = (database: Database, digest: Digest): TargetRecord | undefined => {
  const row = database.get<TargetRow>('SELECT digest, media_type FROM targets WHERE digest = ?', digest);
  if (row === undefined) return undefined;
  const members = database.all<MemberRow>(
    'SELECT * FROM target_members WHERE target = ? ORDER BY position, manifest',
    digest,
  );
  return { digest: row.digest, mediaType: row.media_type, members: members.map(toMember) };
};

export const targetsOf = (database: Database, id: ImageId): readonly Digest[] =>
  database
    .all<Row & { target: Digest }>('SELECT DISTINCT target FROM target_members WHERE image = ?', id)
    .map((row) => row.target);

const HIDDEN = `
  NOT EXISTS (SELECT 1 FROM image_references AS r WHERE r.image = m.image)
  AND (EXISTS (SELECT 1 FROM image_references AS r WHERE r.target = m.target)
    OR EXISTS (SELECT 1 FROM holds WHERE kind = 'blob' AND key = m.target)
      AND EXISTS (SELECT 1 FROM images WHERE id = m.image AND member = 1)
      AND NOT EXISTS (SELECT 1 FROM holds WHERE kind = 'image' AND key = m.image AND holder_kind <> 'undo'))`;

/**
 * Images that are kept by a target alone: one that is named; or one that can be brought back, where they came for
 * nothing else and nobody holds them.
 */
export const hiddenMembers = (database: Database): ReadonlySet<ImageId> => {
  const rows = database.all<Row & { image: ImageId }>(
    `SELECT DISTINCT image FROM target_members AS m WHERE image IS NOT NULL AND ${HIDDEN}`,
  );
  return new Set(rows.map((row) => row.image));
};

export const isHiddenMember = (database: Database, id: ImageId): boolean =>
  database.get(`SELECT 1 FROM target_members AS m WHERE m.image = ? AND ${HIDDEN}`, id) !== undefined;

/** All blobs that a target itself keeps; its images keep theirs. */
export const targetBlobs = (target: NewTarget): ReadonlySet<Digest> =>
  new Set([
    target.digest,
    ...target.members.map((member) => member.manifest.digest),
    ...(target.blobs ?? []),
  ]);

/** Writes the target and its members; images and names are written by others. */
export const targetStatements = (target: NewTarget): readonly Statement[] => [
  {
    sql: 'INSERT INTO targets (digest, media_type) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING',
    params: [target.digest, target.mediaType],
  },
  ...target.members.map((member, position): Statement => {
    const { manifest, kind, image, subject, platform } = member;
    return {
      sql: `INSERT INTO target_members (target, manifest, media_type, position, kind, image, subject, platform)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (target, manifest) DO UPDATE SET position = excluded.position, image = excluded.image`,
      params: [
        target.digest,
        manifest.digest,
        manifest.mediaType,
        position,
        kind,
        image?.id ?? null,
        subject ?? null,
        platform === undefined ? null : JSON.stringify(platform),
      ],
    };
  }),
  ...[...targetBlobs(target)].map((digest): Statement => {
    const sql = `INSERT INTO target_blobs (target, digest) SELECT ?, digest FROM blobs WHERE digest = ?
                 ON CONFLICT (target, digest) DO UPDATE SET digest = excluded.digest`;
    return { sql, params: [target.digest, digest], expectChanges: 1 };
  }),
];

/** Images that are there for nothing but a target, which went. */
const LEFT_BEHIND = `
  member = 1
  AND NOT EXISTS (SELECT 1 FROM image_references WHERE image_references.image = images.id)
  AND NOT EXISTS (SELECT 1 FROM target_members WHERE target_members.image = images.id)
  AND NOT EXISTS (SELECT 1 FROM holds WHERE kind = 'image' AND key = images.id)
  AND NOT EXISTS (SELECT 1 FROM lease_items WHERE kind = 'image' AND key = images.id)
  AND NOT EXISTS (SELECT 1 FROM images AS child WHERE child.parent = images.id)`;

const UNNAMED = `
  NOT EXISTS (SELECT 1 FROM image_references WHERE target = targets.digest)
  AND NOT EXISTS (SELECT 1 FROM holds WHERE kind = 'blob' AND key = targets.digest)`;

/**
 * Lets go of targets that no name means any more, and of the images that were there only for them; whether there were
 * any.
 */
export const dropUnnamed = async (database: Database): Promise<boolean> => {
  const some =
    database.get(`SELECT 1 FROM targets WHERE ${UNNAMED}`) ??
    database.get(`SELECT 1 FROM images WHERE ${LEFT_BEHIND}`);
  if (some === undefined) return false;
  await database.write([
    { sql: `DELETE FROM targets WHERE ${UNNAMED}` },
    { sql: `DELETE FROM images WHERE ${LEFT_BEHIND}` },
  ]);
  return true;
};

/** The columns of a reference that name its target. */
export const targetParams = (target: ManifestLink | undefined): readonly [string | null, string | null] => [
  target?.digest ?? null,
  target?.mediaType ?? null,
];
