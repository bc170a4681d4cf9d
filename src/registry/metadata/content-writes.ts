import type { Database, Statement } from '#database';
import { isLadeError } from '#errors';
import type { Digest } from '#oci';
import { metadataErrors } from './errors.ts';
import type { JournalWriter } from './journal.ts';
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
            ON CONFLICT (repository, digest) DO UPDATE SET media_type = excluded.media_type`,
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
  const removing = async (removal: Statement, entry: NewEntry): Promise<boolean> => {
    try {
      await writing([{ ...removal, expectChanges: 1 }], [entry]);
      return true;
    } catch (error) {
      if (isLadeError(error, 'conflict')) return false;
      throw error;
    }
  };

  return {
    linkBlob: (link: BlobLink) => {
      const { repository, digest, size, how, cause } = link;
      return writing(linkStatements(link), [
        { action: how, outcome: 'done', repository, digest, size, cause },
      ]);
    },
    unlinkBlob: ({ repository, target, cause }: Removal<Digest>) =>
      removing(
        { sql: 'DELETE FROM links WHERE repository = ? AND digest = ?', params: [repository, target] },
        { ...DELETED, repository, digest: target, cause },
      ),
    putManifest: async (put: ManifestPut) => {
      try {
        await writing(putStatements(put), pushEntries(put));
      } catch (error) {
        if (!isLadeError(error, 'conflict')) throw error;
        throw metadataErrors.manifestBlobUnknown({ digests: put.facts.blobs }, error);
      }
    },
    removeManifest: ({ repository, target, cause }: Removal<ManifestHead>) =>
      removing(
        {
          sql: 'DELETE FROM manifests WHERE repository = ? AND digest = ?',
          params: [repository, target.digest],
        },
        { ...DELETED, repository, ...target, cause },
      ),
    removeTag: ({ repository, target, cause }: Removal<string>) =>
      removing(
        { sql: 'DELETE FROM tags WHERE repository = ? AND name = ?', params: [repository, target] },
        { ...DELETED, repository, tag: target, cause },
      ),
    dropUnused: async (beforeMs: number) => {
      await database.write([
        {
          sql: `DELETE FROM links WHERE linked_ms < ? AND NOT EXISTS (
                  SELECT 1 FROM edges WHERE edges.repository = links.repository AND edges.digest = links.digest)`,
          params: [beforeMs],
        },
        {
          sql: `DELETE FROM manifest_contents WHERE NOT EXISTS (
                  SELECT 1 FROM manifests WHERE manifests.digest = manifest_contents.digest)`,
        },
      ]);
    },
    forgetBlob: async (digest: Digest) => {
      const [result] = await database.write([
        {
          sql: 'DELETE FROM blobs WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM links WHERE digest = ?1)',
          params: [digest],
        },
      ]);
      return (result?.changes ?? 0) > 0;
    },
  } satisfies Partial<ContentStore>;
};
