import type { Database, Statement } from '#database';
import { isLadeError } from '#errors';
import type { Digest } from '#oci';
import { metadataErrors } from './errors.ts';
import type { JournalWriter } from './journal.ts';
import { copyLink, copyManifest, copyTag, copyTagsOf, keptForUndo } from './removal-statements.ts';
import { tagMoveStatements } from './tag-cause.ts';
import type { TagMoveReason } from './tag-history-types.ts';
import type { BlobLink, ContentStore, ManifestHead, ManifestPut, NewEntry, Removal } from './types.ts';

const insertRepository = (name: string): Statement => ({
  sql: 'INSERT INTO repositories VALUES (?, ?) ON CONFLICT DO NOTHING',
  params: [name, Date.now()],
});

const putStatements = (put: ManifestPut): readonly Statement[] => {
  const { repository, digest, bytes, facts } = put;
  const now = Date.now();
  const annotations = facts.annotations === undefined ? null : JSON.stringify(facts.annotations);
  const edge = (to: Digest, kind: string): Statement => ({
    sql: 'INSERT INTO edges VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    params: [repository, digest, to, kind],
  });
  return [
    insertRepository(repository),
    ...facts.blobs.map((blob) => ({
      sql: 'UPDATE links SET linked_ms = ? WHERE repository = ? AND digest = ?',
      params: [now, repository, blob],
      expectChanges: 1,
    })),
    { sql: 'INSERT INTO manifest_contents VALUES (?, ?) ON CONFLICT DO NOTHING', params: [digest, bytes] },
    {
      sql: `INSERT INTO manifests VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (repository, digest) DO UPDATE SET media_type = excluded.media_type,
              pushed_ms = excluded.pushed_ms`,
      params: [
        repository,
        digest,
        facts.mediaType,
        bytes.length,
        facts.artifactType ?? null,
        facts.subject ?? null,
        annotations,
        now,
      ],
    },
    ...[...facts.blobs, ...facts.optionalBlobs].map((blob) => edge(blob, 'blob')),
    ...facts.manifests.map((manifest) => edge(manifest, 'manifest')),
    ...put.tags.map((tag) => ({
      sql: `INSERT INTO tags VALUES (?, ?, ?, ?)
            ON CONFLICT (repository, name) DO UPDATE SET digest = excluded.digest, updated_ms = excluded.updated_ms`,
      params: [repository, tag, digest, now],
    })),
  ];
};

const linkStatements = ({ repository, digest, size }: BlobLink): readonly Statement[] => {
  const now = Date.now();
  return [
    insertRepository(repository),
    { sql: 'INSERT INTO blobs VALUES (?, ?, ?) ON CONFLICT DO NOTHING', params: [digest, size, now] },
    {
      sql: `INSERT INTO links VALUES (?, ?, ?)
            ON CONFLICT (repository, digest) DO UPDATE SET linked_ms = excluded.linked_ms`,
      params: [repository, digest, now],
    },
  ];
};

/** One entry for each tag, or one without a tag. */
const pushEntries = ({ repository, digest, bytes, facts, tags, cause }: ManifestPut): readonly NewEntry[] =>
  (tags.length === 0 ? [undefined] : tags).map((tag) => ({
    action: 'push',
    outcome: 'done',
    repository,
    tag,
    digest,
    mediaType: facts.mediaType,
    size: bytes.length,
    cause,
  }));

const DELETED = { action: 'delete', outcome: 'done' } as const;

/** What `ContentStore` writes. */
export const createContentWrites = (database: Database, journal: JournalWriter) => {
  const writing = async (statements: readonly Statement[], entries: readonly NewEntry[]): Promise<void> => {
    await database.write([...statements, ...entries.map((entry) => journal.statement(entry))]);
    journal.appended();
  };

  /** Nothing happens, the journal included, where there is nothing to remove. */
  const removing = async (
    statements: readonly Statement[],
    entry: NewEntry,
    reason: TagMoveReason = 'delete',
  ): Promise<boolean> => {
    try {
      await writing(tagMoveStatements(entry.cause, reason, statements), [entry]);
      return true;
    } catch (error) {
      if (isLadeError(error, 'conflict')) return false;
      throw error;
    }
  };

  return {
    linkBlob: (link: BlobLink) => {
      const { repository, digest, size, how, from, cause } = link;
      return writing(linkStatements(link), [
        { action: how, outcome: 'done', repository, digest, size, from, cause },
      ]);
    },
    unlinkBlob: ({ repository, target, cause }: Removal<Digest>) =>
      removing(
        [
          ...keptForUndo(repository, cause.actor, (copy) => [copyLink(copy, target)]),
          {
            sql: 'DELETE FROM links WHERE repository = ? AND digest = ?',
            params: [repository, target],
            expectChanges: 1,
          },
        ],
        { ...DELETED, repository, digest: target, cause },
      ),
    putManifest: async (put: ManifestPut) => {
      try {
        await writing(
          tagMoveStatements(put.cause, put.reason ?? 'push', putStatements(put)),
          pushEntries(put),
        );
      } catch (error) {
        if (!isLadeError(error, 'conflict')) throw error;
        throw metadataErrors.manifestBlobUnknown({ digests: put.facts.blobs }, error);
      }
    },
    removeManifest: ({ repository, target, cause, reason = 'delete-manifest' }: Removal<ManifestHead>) =>
      removing(
        [
          ...keptForUndo(repository, cause.actor, (copy) => [
            ...copyManifest(copy, target.digest),
            copyTagsOf(copy, target.digest),
          ]),
          {
            sql: 'DELETE FROM manifests WHERE repository = ? AND digest = ?',
            params: [repository, target.digest],
            expectChanges: 1,
          },
        ],
        { ...DELETED, repository, ...target, cause },
        reason,
      ),
    removeTag: ({ repository, target, cause, reason }: Removal<string>) =>
      removing(
        [
          ...keptForUndo(repository, cause.actor, (copy) => [copyTag(copy, target)]),
          {
            sql: 'DELETE FROM tags WHERE repository = ? AND name = ?',
            params: [repository, target],
            expectChanges: 1,
          },
        ],
        { ...DELETED, repository, tag: target, cause },
        reason,
      ),
  } satisfies Partial<ContentStore>;
};
