import type { Database, Statement } from '#database';
import { isLadeError } from '#errors';
import type { Digest } from '#oci';
import type { ContentGuards } from './content-guards.ts';
import type { JournalWriter } from './journal.ts';
import { copyLink, copyManifest, copyTag, copyTagsOf, keptForUndo } from './removal-statements.ts';
import { tagMoveStatements } from './tag-cause.ts';
import type { TagMoveReason } from './tag-history-types.ts';
import type { BlobLink, ContentStore, ManifestHead, ManifestPut, NewEntry, Removal } from './types.ts';

const insertRepository = (name: string): Statement => ({
  sql: 'INSERT INTO repositories VALUES (?, ?) ON CONFLICT DO NOTHING',
  params: [name, Date.now()],
});

const putStatements = (put: ManifestPut, guards: ContentGuards): readonly Statement[] => {
  const { repository, digest, bytes, facts } = put;
  const now = Date.now();
  const annotations = facts.annotations === undefined ? null : JSON.stringify(facts.annotations);
  // One statement for all of them: an index may list tens of thousands of manifests.
  const edges = (to: readonly Digest[], kind: string): readonly Statement[] =>
    to.length === 0
      ? []
      : [
          {
            sql: `INSERT INTO edges SELECT ?, ?, value, ? FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`,
            params: [repository, digest, kind, JSON.stringify(to)],
          },
        ];
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
    ...edges([...facts.blobs, ...facts.optionalBlobs], 'blob'),
    ...edges(facts.manifests, 'manifest'),
    ...guards.expectedTags(put),
    ...put.tags.map((tag) => guards.tagStatement(repository, tag, digest, put.reason)),
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
export const createContentWrites = (database: Database, journal: JournalWriter, guards: ContentGuards) => {
  const writing = async (statements: readonly Statement[], entries: readonly NewEntry[]): Promise<void> => {
    await database.write([...statements, ...entries.map((entry) => journal.statement(entry))]);
    journal.appended();
  };

  /** Nothing happens, the journal included, where there is nothing to remove. */
  const removing = async (
    statements: readonly Statement[],
    entry: NewEntry,
    reason: TagMoveReason = 'delete',
    also: readonly NewEntry[] = [],
  ): Promise<boolean> => {
    try {
      await writing(tagMoveStatements(entry.cause, reason, statements), [entry, ...also]);
      return true;
    } catch (error) {
      if (isLadeError(error, 'conflict')) return false;
      throw error;
    }
  };

  const has = (sql: string, repository: string, key: string): boolean =>
    database.get(sql, repository, key) !== undefined;
  const hasTag = (repository: string, tag: string): boolean =>
    has('SELECT 1 FROM tags WHERE repository = ? AND name = ?', repository, tag);
  const hasManifest = (repository: string, digest: Digest): boolean =>
    has('SELECT 1 FROM manifests WHERE repository = ? AND digest = ?', repository, digest);
  const tagsOf = (repository: string, digest: Digest): readonly string[] =>
    database
      .all('SELECT name FROM tags WHERE repository = ? AND digest = ?', repository, digest)
      .map((row) => String(row['name']));

  const removeManifest = (
    { repository, target, cause, reason = 'delete-manifest' }: Removal<ManifestHead>,
    tags: readonly string[],
  ): Promise<boolean> =>
    removing(
      [
        guards.sameTags(repository, target.digest, tags),
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
      tags.map((tag) => ({ ...DELETED, repository, tag, digest: target.digest, cause })),
    );

  return {
    linkBlob: (link: BlobLink) => {
      const { repository, digest, size, how, from, cause } = link;
      const entry: NewEntry = { action: how, outcome: 'done', repository, digest, size, from, cause };
      return guards.attempt(
        () => writing(linkStatements(link), [entry]),
        () => guards.requireLink(link),
      );
    },
    unlinkBlob: ({ repository, target, cause }: Removal<Digest>) =>
      removing(
        [
          ...keptForUndo(repository, cause.actor, (copy) => [copyLink(copy, target)]),
          {
            // Also of a manifest whose push was on its way when somebody looked.
            sql: `DELETE FROM links WHERE repository = ?1 AND digest = ?2 AND NOT EXISTS (
                    SELECT 1 FROM edges WHERE repository = ?1 AND digest = ?2 AND kind = 'blob')`,
            params: [repository, target],
            expectChanges: 1,
          },
        ],
        { ...DELETED, repository, digest: target, cause },
      ),
    putManifest: (put: ManifestPut) =>
      guards.attempt(
        () =>
          writing(
            tagMoveStatements(put.cause, put.reason ?? 'push', putStatements(put, guards)),
            pushEntries(put),
          ),
        () => guards.requirePut(put),
      ),
    removeManifest: async (removal: Removal<ManifestHead>) => {
      for (;;) {
        const { repository, target } = removal;
        const tags = tagsOf(repository, target.digest);
        guards.requireDeletable(repository, tags, removal.reason);
        if (await removeManifest(removal, tags)) return true;
        if (!hasManifest(repository, target.digest)) return false;
      }
    },
    removeTag: async ({ repository, target, cause, reason }: Removal<string>) => {
      if (hasTag(repository, target)) guards.requireDeletable(repository, [target], reason);
      return removing(
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
      );
    },
  } satisfies Partial<ContentStore>;
};
