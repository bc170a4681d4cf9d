import type { Database, Row, SqlValue } from '#database';
import type { Digest } from '#oci';
import type {
  CatalogStore,
  ManifestKind,
  ManifestSummary,
  PlatformFact,
  RepositoryCard,
  RepositorySummary,
  TagSummary,
} from './catalog-types.ts';
import type { Page } from './types.ts';

const textOf = (value: SqlValue | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

const digestsIn = (rows: readonly Row[]): readonly Digest[] =>
  rows.map((row) => String(row['digest']) as Digest);

/** What is shown of each repository of `chosen`, a query that gives their names. */
const summaryQuery = (chosen: string): string => `
  SELECT r.name,
    (SELECT count(*) FROM tags WHERE repository = r.name) AS tags,
    (SELECT count(*) FROM manifests WHERE repository = r.name) AS manifests,
    (SELECT max(pushed_ms) FROM manifests WHERE repository = r.name) AS pushed_ms,
    (SELECT count(*) FROM stars WHERE repository = r.name) AS stars,
    (SELECT coalesce(sum(count), 0) FROM pulls WHERE repository = r.name AND kind = 'digest') AS pulls,
    coalesce(d.description, json_extract(d.image, '$."org.opencontainers.image.description"')) AS description
  FROM (${chosen}) AS r LEFT JOIN documentation AS d ON d.repository = r.name ORDER BY r.name`;

const SEARCHED = `SELECT r.name FROM repositories AS r LEFT JOIN documentation AS d ON d.repository = r.name
  WHERE r.name > ?1 AND EXISTS (SELECT 1 FROM manifests WHERE repository = r.name)
  AND (?3 = '' OR instr(r.name, ?3) > 0 OR instr(lower(coalesce(d.description,
    json_extract(d.image, '$."org.opencontainers.image.description"'), '')), ?3) > 0)
  ORDER BY r.name LIMIT ?2`;

const CARDS = `SELECT r.name, (SELECT count(*) FROM stars WHERE repository = r.name) AS stars,
    coalesce(d.description, json_extract(d.image, '$."org.opencontainers.image.description"')) AS description
  FROM repositories AS r LEFT JOIN documentation AS d ON d.repository = r.name
  WHERE r.name > ? AND EXISTS (SELECT 1 FROM manifests WHERE repository = r.name) ORDER BY r.name LIMIT ?`;

const ONE = `SELECT name FROM repositories WHERE name = ?
  AND EXISTS (SELECT 1 FROM manifests WHERE repository = repositories.name)`;

const repositoryOf = (row: Row): RepositorySummary => ({
  name: String(row['name']),
  tags: Number(row['tags']),
  manifests: Number(row['manifests']),
  pushedMs: Number(row['pushed_ms']),
  description: textOf(row['description']),
  stars: Number(row['stars']),
  pulls: Number(row['pulls']),
});

const cardOf = (row: Row): RepositoryCard => ({
  name: String(row['name']),
  description: textOf(row['description']),
  stars: Number(row['stars']),
});

/** Columns that `summaryOf` reads; `m` is the manifest, `f` its facts. */
const COLUMNS =
  'm.digest, m.media_type, m.artifact_type, m.size, m.subject, m.pushed_ms, f.kind, f.bytes, f.created_ms';
const FROM = 'manifests AS m LEFT JOIN image_facts AS f ON f.manifest = m.digest';

interface Place {
  readonly repository: string;
  readonly digest: Digest;
}

/** The manifest itself, or the images below it where it is an index. */
const platformsOf = (database: Database, { repository, digest }: Place): readonly PlatformFact[] =>
  database
    .all(
      `SELECT f.manifest AS digest, f.os, f.architecture, f.variant FROM image_facts AS f
       WHERE f.os IS NOT NULL AND f.kind = 'image' AND (f.manifest = ?2 OR f.manifest IN (
         SELECT digest FROM edges WHERE repository = ?1 AND manifest = ?2 AND kind = 'manifest'))
       ORDER BY f.os, f.architecture, f.variant`,
      repository,
      digest,
    )
    .map((row) => ({
      digest: String(row['digest']) as Digest,
      os: String(row['os']),
      architecture: String(row['architecture'] ?? ''),
      variant: textOf(row['variant']),
    }));

/** Bytes of what an index lists, each blob once. */
const bytesBelow = (database: Database, { repository, digest }: Place): number =>
  Number(
    database.get(
      `SELECT coalesce(sum(size), 0) AS bytes FROM blobs WHERE digest IN (
         SELECT below.digest FROM edges AS child
         JOIN edges AS below ON below.repository = child.repository AND below.manifest = child.digest
         WHERE child.repository = ?1 AND child.manifest = ?2 AND child.kind = 'manifest' AND below.kind = 'blob')`,
      repository,
      digest,
    )?.['bytes'] ?? 0,
  );

const relationsOf = (database: Database, { repository, digest }: Place) => ({
  tags: database
    .all('SELECT name FROM tags WHERE repository = ? AND digest = ? ORDER BY name', repository, digest)
    .map((row) => String(row['name'])),
  parents: digestsIn(
    database.all(
      `SELECT manifest AS digest FROM edges WHERE repository = ? AND digest = ? AND kind = 'manifest'`,
      repository,
      digest,
    ),
  ),
  referrers: Number(
    database.get(
      'SELECT count(*) AS number FROM manifests WHERE repository = ? AND subject = ?',
      repository,
      digest,
    )?.['number'] ?? 0,
  ),
});

const summaryOf = (database: Database, repository: string, row: Row): ManifestSummary => {
  const digest = String(row['digest']) as Digest;
  const place = { repository, digest };
  const kind = textOf(row['kind']) as ManifestKind | undefined;
  return {
    digest,
    mediaType: String(row['media_type']),
    artifactType: textOf(row['artifact_type']),
    kind,
    size: Number(row['size']),
    bytes: kind === 'index' ? bytesBelow(database, place) : Number(row['bytes'] ?? 0),
    subject: textOf(row['subject']) as Digest | undefined,
    pushedMs: Number(row['pushed_ms']),
    createdMs: typeof row['created_ms'] === 'number' ? row['created_ms'] : undefined,
    platforms: platformsOf(database, place),
    ...relationsOf(database, place),
  };
};

/** Repositories, tags and manifests as people look at them. */
export const createCatalogListings = (database: Database) =>
  ({
    repositories: ({ after, limit }: Page, text = '') =>
      database.all(summaryQuery(SEARCHED), after, limit, text.toLowerCase()).map(repositoryOf),
    repositoryCards: ({ after, limit }: Page) => database.all(CARDS, after, limit).map(cardOf),
    repository: (name: string) => {
      const row = database.get(summaryQuery(ONE), name);
      return row === undefined ? undefined : repositoryOf(row);
    },
    tagSummaries: (repository: string, { after, limit }: Page): readonly TagSummary[] =>
      database
        .all(
          `SELECT t.name, t.updated_ms, ${COLUMNS} FROM tags AS t
           JOIN manifests AS m ON m.repository = t.repository AND m.digest = t.digest
           LEFT JOIN image_facts AS f ON f.manifest = m.digest
           WHERE t.repository = ? AND t.name > ? ORDER BY t.name LIMIT ?`,
          repository,
          after,
          limit,
        )
        .map((row) => ({
          name: String(row['name']),
          updatedMs: Number(row['updated_ms']),
          ...summaryOf(database, repository, row),
        })),
    manifestSummaries: (repository: string, { after, limit }: Page) =>
      database
        .all(
          `SELECT ${COLUMNS} FROM ${FROM} WHERE m.repository = ? ORDER BY m.pushed_ms DESC, m.digest LIMIT ? OFFSET ?`,
          repository,
          limit,
          Number(after) || 0,
        )
        .map((row) => summaryOf(database, repository, row)),
    manifestSummary: (repository: string, digest: Digest) => {
      const row = database.get(
        `SELECT ${COLUMNS} FROM ${FROM} WHERE m.repository = ? AND m.digest = ?`,
        repository,
        digest,
      );
      return row === undefined ? undefined : summaryOf(database, repository, row);
    },
  }) satisfies Partial<CatalogStore>;
