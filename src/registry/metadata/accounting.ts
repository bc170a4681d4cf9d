import type { Database, Row, Statement } from '#database';
import { createWorkerPool, workerUrl } from '#work';
import type {
  Accounting,
  ByteAccount,
  NamespaceUsage,
  RecountReport,
  RepositoryUsage,
} from './accounting-types.ts';
import { RECOUNT_QUOTAS } from './quotas.ts';
import { tagUsageOf } from './tag-usage.ts';

const accountOf = (row: Row): ByteAccount => {
  const [total, unique] = [Number(row['total_bytes']), Number(row['unique_bytes'])];
  return { total, unique, shared: total - unique };
};

const repositoryOf = (row: Row): RepositoryUsage => ({
  repository: String(row['repository']),
  blobs: Number(row['blobs']),
  manifests: Number(row['manifests']),
  ...accountOf(row),
});

const namespaceOf = (row: Row): NamespaceUsage => ({
  namespace: String(row['namespace']),
  repositories: Number(row['repositories']),
  ...accountOf(row),
});

const maybe = <T>(row: Row | undefined, read: (row: Row) => T): T | undefined =>
  row === undefined ? undefined : read(row);

const recounting = async (path: string, signal: AbortSignal | undefined): Promise<RecountReport> => {
  const url = workerUrl(import.meta.url, 'recount.worker');
  await using pool = createWorkerPool<{ readonly path: string }, RecountReport>({
    url,
    size: 1,
    name: 'recount',
  });
  return await pool.run({ path }, { signal });
};

const createTagReads = (database: Database): Pick<Accounting, 'tag' | 'tags'> => ({
  tag: (repository, tag) =>
    maybe(
      database.get('SELECT name, digest FROM tags WHERE repository = ? AND name = ?', repository, tag),
      (row) => tagUsageOf(database, repository, row),
    ),
  tags: ({ repository, limit, after }) =>
    database
      .all(
        'SELECT name, digest FROM tags WHERE repository = ? AND name > ? ORDER BY name LIMIT ?',
        repository,
        after,
        limit,
      )
      .map((row) => tagUsageOf(database, repository, row)),
});

const REPAIR: readonly Statement[] = [
  { sql: 'DELETE FROM usage_repositories' },
  { sql: 'DELETE FROM usage_namespaces' },
  { sql: 'INSERT INTO usage_repositories SELECT * FROM recount_repositories' },
  { sql: 'INSERT INTO usage_namespaces SELECT * FROM recount_namespaces' },
  ...RECOUNT_QUOTAS,
];

/** Accounting in an open database that has this room's migrations. */
export const createAccounting = (database: Database): Accounting => {
  const namespace = (name: string) =>
    maybe(database.get('SELECT * FROM usage_namespaces WHERE namespace = ?', name), namespaceOf);
  return {
    registry: () => {
      const { repositories, total } = namespace('') ?? { repositories: 0, total: 0 };
      return { repositories, total };
    },
    namespace: (name) => (name === '' ? undefined : namespace(name)),
    namespaces: ({ limit, after }) =>
      database
        .all('SELECT * FROM usage_namespaces WHERE namespace > ? ORDER BY namespace LIMIT ?', after, limit)
        .map(namespaceOf),
    repository: (repository) =>
      maybe(database.get('SELECT * FROM usage_repositories WHERE repository = ?', repository), repositoryOf),
    repositories: ({ namespace: wanted, limit, after }) =>
      (wanted === undefined
        ? database.all(
            'SELECT * FROM usage_repositories WHERE repository > ? ORDER BY repository LIMIT ?',
            after,
            limit,
          )
        : database.all(
            `SELECT * FROM usage_repositories WHERE namespace = ? AND repository > ?
             ORDER BY repository LIMIT ?`,
            wanted,
            after,
            limit,
          )
      ).map(repositoryOf),
    ...createTagReads(database),
    repair: async () => {
      await database.write(REPAIR);
    },
    recount: ({ signal } = {}) => recounting(database.path, signal),
  };
};
