import type { Database, Row, SqlValue, Statement } from '#database';
import type { Digest } from '#oci';
import type { ManifestFacts } from './manifest.ts';

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface ManifestHead {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
}

/** One entry of a referrers answer. */
export interface Referrer extends ManifestHead {
  readonly artifactType: string | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

export interface Page {
  readonly limit: number;
  /** Entries after this one. */
  readonly after: string;
}

export interface ManifestPut {
  readonly repository: string;
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly facts: ManifestFacts;
  readonly tags: readonly string[];
}

/**
 * What the registry knows besides bytes. Reads see every write that has resolved; each write is one durable
 * transaction.
 */
export interface MetadataStore {
  hasRepository(name: string): boolean;
  repositories(page: Page): readonly string[];
  tags(repository: string, page: Page): readonly string[];
  tagged(repository: string, tag: string): Digest | undefined;
  manifestHead(repository: string, digest: Digest): ManifestHead | undefined;
  manifest(repository: string, digest: Digest): StoredManifest | undefined;
  referrers(repository: string, subject: Digest, page: Page): readonly Referrer[];
  /** Size of a blob that the repository may use. */
  linkedBlob(repository: string, digest: Digest): { readonly size: number } | undefined;
  /** Size of a blob that any repository uses. */
  knownBlob(digest: Digest): { readonly size: number } | undefined;
  /** Whether there is a record of the blob, linked or not. */
  hasBlob(digest: Digest): boolean;
  /** Manifests of the repository that need the blob, at most one. */
  userOf(repository: string, digest: Digest): Digest | undefined;
  linkBlob(repository: string, blob: { readonly digest: Digest; readonly size: number }): Promise<void>;
  /** Whether there was a link. */
  unlinkBlob(repository: string, digest: Digest): Promise<boolean>;
  /** Fails with `conflict` when a blob it needs is no longer linked. */
  putManifest(put: ManifestPut): Promise<void>;
  removeManifest(repository: string, digest: Digest): Promise<boolean>;
  removeTag(repository: string, tag: string): Promise<boolean>;
  /** Drops links older than `beforeMs` that no manifest of their repository needs, and contents nobody has. */
  dropUnused(beforeMs: number): Promise<void>;
  /** Blobs without a link that are older than `beforeMs`. */
  unlinkedBlobs(beforeMs: number): readonly { readonly digest: Digest; readonly size: number }[];
  /** Forgets a blob if still nobody links it; answers whether it did. */
  forgetBlob(digest: Digest): Promise<boolean>;
}

const text = (row: Row | undefined, column: string): string => String(row?.[column] ?? '');

const digestIn = (row: Row | undefined): Digest | undefined =>
  row === undefined ? undefined : (text(row, 'digest') as Digest);

const sizeIn = (row: Row | undefined): { readonly size: number } | undefined =>
  row === undefined ? undefined : { size: Number(row.size) };

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
    ...facts.blobs.map((blob) => edge(blob, 'blob')),
    ...facts.manifests.map((manifest) => edge(manifest, 'manifest')),
    ...put.tags.map((tag) => ({
      sql: `INSERT INTO tags VALUES (?, ?, ?, ?)
            ON CONFLICT (repository, name) DO UPDATE SET digest = excluded.digest, updated_ms = excluded.updated_ms`,
      params: [repository, tag, digest, now],
    })),
  ];
};

const referrerOf = (row: Row): Referrer => ({
  digest: text(row, 'digest') as Digest,
  mediaType: text(row, 'media_type'),
  size: Number(row.size),
  artifactType: row.artifact_type === null ? undefined : text(row, 'artifact_type'),
  annotations:
    row.annotations === null ? undefined : (JSON.parse(text(row, 'annotations')) as Record<string, string>),
});

const createNameReads = (database: Database) => ({
  hasRepository: (name: string) =>
    database.get('SELECT 1 FROM repositories WHERE name = ?', name) !== undefined,
  repositories: ({ limit, after }: Page) =>
    database
      .all(
        `SELECT name FROM repositories r WHERE name > ?
         AND EXISTS (SELECT 1 FROM manifests m WHERE m.repository = r.name) ORDER BY name LIMIT ?`,
        after,
        limit,
      )
      .map((row) => text(row, 'name')),
  tags: (repository: string, { limit, after }: Page) =>
    database
      .all(
        'SELECT name FROM tags WHERE repository = ? AND name > ? ORDER BY name LIMIT ?',
        repository,
        after,
        limit,
      )
      .map((row) => text(row, 'name')),
  tagged: (repository: string, tag: string) =>
    digestIn(database.get('SELECT digest FROM tags WHERE repository = ? AND name = ?', repository, tag)),
});

const createManifestReads = (database: Database) => ({
  manifestHead: (repository: string, digest: Digest) => {
    const row = database.get(
      'SELECT media_type, size FROM manifests WHERE repository = ? AND digest = ?',
      repository,
      digest,
    );
    return row === undefined
      ? undefined
      : { digest, mediaType: text(row, 'media_type'), size: Number(row.size) };
  },
  manifest: (repository: string, digest: Digest) => {
    const row = database.get(
      `SELECT media_type, bytes FROM manifests JOIN manifest_contents USING (digest)
       WHERE repository = ? AND digest = ?`,
      repository,
      digest,
    );
    if (row === undefined) return undefined;
    return { digest, mediaType: text(row, 'media_type'), bytes: Buffer.from(row.bytes as Uint8Array) };
  },
  referrers: (repository: string, subject: Digest, { limit, after }: Page) =>
    database
      .all(
        `SELECT digest, media_type, size, artifact_type, annotations FROM manifests
         WHERE repository = ? AND subject = ? AND digest > ? ORDER BY digest LIMIT ?`,
        repository,
        subject,
        after,
        limit,
      )
      .map(referrerOf),
});

const createBlobReads = (database: Database) => ({
  linkedBlob: (repository: string, digest: Digest) =>
    sizeIn(
      database.get(
        'SELECT size FROM links JOIN blobs USING (digest) WHERE repository = ? AND digest = ?',
        repository,
        digest,
      ),
    ),
  knownBlob: (digest: Digest) =>
    sizeIn(database.get('SELECT size FROM blobs JOIN links USING (digest) WHERE digest = ? LIMIT 1', digest)),
  hasBlob: (digest: Digest) => database.get('SELECT 1 FROM blobs WHERE digest = ?', digest) !== undefined,
  userOf: (repository: string, digest: Digest) =>
    digestIn(
      database.get(
        `SELECT manifest AS digest FROM edges WHERE repository = ? AND digest = ? AND kind = 'blob' LIMIT 1`,
        repository,
        digest,
      ),
    ),
  unlinkedBlobs: (beforeMs: number) =>
    database
      .all(
        `SELECT digest, size FROM blobs WHERE created_ms < ?
         AND NOT EXISTS (SELECT 1 FROM links WHERE links.digest = blobs.digest)`,
        beforeMs,
      )
      .map((row) => ({ digest: text(row, 'digest') as Digest, size: Number(row.size) })),
});

const createWrites = (database: Database) => {
  const removing = async (sql: string, ...params: readonly SqlValue[]): Promise<boolean> => {
    const [result] = await database.write([{ sql, params }]);
    return (result?.changes ?? 0) > 0;
  };
  return {
    linkBlob: async (repository: string, blob: { readonly digest: Digest; readonly size: number }) => {
      const now = Date.now();
      await database.write([
        insertRepository(repository),
        {
          sql: 'INSERT INTO blobs VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
          params: [blob.digest, blob.size, now],
        },
        {
          sql: `INSERT INTO links VALUES (?, ?, ?)
                ON CONFLICT (repository, digest) DO UPDATE SET linked_ms = excluded.linked_ms`,
          params: [repository, blob.digest, now],
        },
      ]);
    },
    unlinkBlob: (repository: string, digest: Digest) =>
      removing('DELETE FROM links WHERE repository = ? AND digest = ?', repository, digest),
    putManifest: async (put: ManifestPut) => {
      await database.write(putStatements(put));
    },
    removeManifest: (repository: string, digest: Digest) =>
      removing('DELETE FROM manifests WHERE repository = ? AND digest = ?', repository, digest),
    removeTag: (repository: string, tag: string) =>
      removing('DELETE FROM tags WHERE repository = ? AND name = ?', repository, tag),
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
    forgetBlob: (digest: Digest) =>
      removing(
        'DELETE FROM blobs WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM links WHERE digest = ?1)',
        digest,
      ),
  };
};

/** Metadata in an open database that has this room's migrations. */
export const createMetadata = (database: Database): MetadataStore => ({
  ...createNameReads(database),
  ...createManifestReads(database),
  ...createBlobReads(database),
  ...createWrites(database),
});
