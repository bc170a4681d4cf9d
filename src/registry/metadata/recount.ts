import type { Database, Row } from '#database';
import type { RecountReport, UsageFault } from './accounting-types.ts';

const MOST_FAULTS = 100;

const FIGURES = ['repositories', 'blobs', 'manifests', 'total_bytes', 'unique_bytes', 'used'] as const;

/**
 * Rows where figures and recount differ; one statement sees one state of both. A row that only one side has counts as
 * zeros on the other.
 */
const difference = (table: string, view: string, key: string, figures: readonly string[]): string => `
  SELECT coalesce(t.${key}, v.${key}) AS name, ${figures
    .map((figure) => `coalesce(t.${figure}, 0) AS ${figure}, coalesce(v.${figure}, 0) AS re_${figure}`)
    .join(', ')}
  FROM ${table} t FULL JOIN ${view} v ON v.${key} = t.${key}
  WHERE ${figures.map((figure) => `t.${figure} IS NOT v.${figure}`).join(' OR ')} LIMIT ${MOST_FAULTS}`;

const CHECKS = {
  repository: difference('usage_repositories', 'recount_repositories', 'repository', [
    'blobs',
    'manifests',
    'total_bytes',
    'unique_bytes',
  ]),
  namespace: difference('usage_namespaces', 'recount_namespaces', 'namespace', [
    'repositories',
    'total_bytes',
    'unique_bytes',
  ]),
  quota: difference('quota_scopes', 'recount_quotas', 'id', ['used']),
} as const;

const figuresOf = (row: Row, prefix: string): Readonly<Record<string, number>> =>
  Object.fromEntries(
    FIGURES.filter((figure) => `re_${figure}` in row).map((figure) => [
      figure,
      Number(row[`${prefix}${figure}`]),
    ]),
  );

const faultsOf = (database: Database, of: keyof typeof CHECKS): readonly UsageFault[] =>
  database.all(CHECKS[of]).map((row) => {
    const name = String(row['name']);
    return {
      of: of === 'namespace' && name === '' ? 'registry' : of,
      name,
      counted: figuresOf(row, ''),
      recounted: figuresOf(row, 're_'),
    };
  });

const countOf = (database: Database, table: string): number =>
  Number(database.get(`SELECT count(*) AS n FROM ${table}`)?.['n']);

/** Counts everything anew and compares. Takes seconds for a large registry, without giving way. */
export const recountUsage = (database: Database): RecountReport => ({
  repositories: countOf(database, 'usage_repositories'),
  namespaces: countOf(database, "usage_namespaces WHERE namespace <> ''"),
  quotas: countOf(database, 'quota_scopes'),
  faults: [
    ...faultsOf(database, 'repository'),
    ...faultsOf(database, 'namespace'),
    ...faultsOf(database, 'quota'),
  ].slice(0, MOST_FAULTS),
});
