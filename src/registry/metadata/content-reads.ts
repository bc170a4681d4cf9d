import type { Database, Row } from '#database';
import type { Digest } from '#oci';
import type { ContentStore, Page, Referrer, ReferrersPage } from './types.ts';

const text = (row: Row | undefined, column: string): string => String(row?.[column] ?? '');

const digestIn = (row: Row | undefined): Digest | undefined =>
  row === undefined ? undefined : (text(row, 'digest') as Digest);

const sizeIn = (row: Row | undefined): { readonly size: number } | undefined =>
  row === undefined ? undefined : { size: Number(row.size) };

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
  referrers: (repository: string, subject: Digest, { limit, after, artifactType }: ReferrersPage) =>
    database
      .all(
        `SELECT digest, media_type, size, artifact_type, annotations FROM manifests
         WHERE repository = ?1 AND subject = ?2 AND digest > ?3 AND (?4 IS NULL OR artifact_type = ?4)
         ORDER BY digest LIMIT ?5`,
        repository,
        subject,
        after,
        artifactType ?? null,
        limit,
      )
      .map(referrerOf),
});

/** Common blobs are linked by very many repositories, of which often the first will do. */
const LINKS_PAGE = 50;

const linkingPage = (database: Database, digest: Digest, { limit, after }: Page): readonly string[] =>
  database
    .all(
      'SELECT repository FROM links WHERE digest = ? AND repository > ? ORDER BY repository LIMIT ?',
      digest,
      after,
      limit,
    )
    .map((row) => text(row, 'repository'));

const createBlobReads = (database: Database) => ({
  linkedBlob: (repository: string, digest: Digest) =>
    sizeIn(
      database.get(
        'SELECT size FROM links JOIN blobs USING (digest) WHERE repository = ? AND digest = ?',
        repository,
        digest,
      ),
    ),
  linkingRepositories: (digest: Digest) =>
    database
      .all('SELECT repository FROM links WHERE digest = ? ORDER BY repository', digest)
      .map((row) => text(row, 'repository')),
  linkingRepository: (digest: Digest, isWanted: (repository: string) => boolean) => {
    for (let after: string | undefined = ''; after !== undefined;) {
      const page = linkingPage(database, digest, { limit: LINKS_PAGE, after });
      const found = page.find(isWanted);
      if (found !== undefined) return found;
      after = page.at(-1);
    }
    return undefined;
  },
  hasBlob: (digest: Digest) => database.get('SELECT 1 FROM blobs WHERE digest = ?', digest) !== undefined,
  userOf: (repository: string, digest: Digest) =>
    digestIn(
      database.get(
        `SELECT manifest AS digest FROM edges WHERE repository = ? AND digest = ? AND kind = 'blob' LIMIT 1`,
        repository,
        digest,
      ),
    ),
});

/** What `ContentStore` reads. */
export const createContentReads = (database: Database) =>
  ({
    ...createNameReads(database),
    ...createManifestReads(database),
    ...createBlobReads(database),
  }) satisfies Partial<ContentStore>;
