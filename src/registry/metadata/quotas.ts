import type { Database, Row, Statement } from '#database';
import { metadataErrors } from './errors.ts';
import type { QuotaRule, QuotaUsage } from './policy-types.ts';
import { compilePattern, patternExpression, type RepositoryPattern } from './repository-pattern.ts';

/** A rule as it stands in the table; ids are the rules' places, from 1 on. */
interface NumberedRule {
  readonly id: number;
  readonly pattern: RepositoryPattern;
  readonly bytes: number;
  readonly each: 'rule' | 'namespace' | 'repository';
}

const numbered = (rules: readonly QuotaRule[]): readonly NumberedRule[] =>
  rules.map(({ repositories, bytes, each = 'rule' }, index) => ({
    id: index + 1,
    pattern: compilePattern(repositories),
    bytes,
    each,
  }));

const paramsOf = ({ id, pattern, bytes, each }: NumberedRule) =>
  [id, pattern.text, patternExpression(pattern.text), each, bytes] as const;

/** Counts all quotas anew; limits are set afterwards: what is there already may exceed them. */
export const RECOUNT_QUOTAS: readonly Statement[] = [
  { sql: 'UPDATE quota_scopes SET bytes = ?', params: [Number.MAX_SAFE_INTEGER] },
  { sql: 'UPDATE quota_scopes SET used = (SELECT used FROM recount_quotas c WHERE c.id = quota_scopes.id)' },
  { sql: 'UPDATE quota_scopes SET bytes = (SELECT bytes FROM quota_rules r WHERE r.id = rule)' },
];

const replaceRules = (rules: readonly NumberedRule[]): readonly Statement[] => [
  { sql: 'DELETE FROM quota_rules' },
  ...rules.map((rule) => ({
    sql: 'INSERT INTO quota_rules VALUES (?, ?, ?, ?, ?)',
    params: paramsOf(rule),
  })),
  {
    sql: 'INSERT INTO quota_scopes (rule, scope, bytes) SELECT DISTINCT rule, scope, bytes FROM quota_matches',
  },
  {
    sql: `INSERT INTO quota_members
          SELECT q.repository, s.id FROM quota_matches q JOIN quota_scopes s ON s.rule = q.rule AND s.scope = q.scope`,
  },
  ...RECOUNT_QUOTAS,
];

const areStored = (database: Database, rules: readonly NumberedRule[]): boolean => {
  const stored = database
    .all('SELECT id, repositories, expression, each, bytes FROM quota_rules ORDER BY id')
    .map((row) => Object.values(row));
  return JSON.stringify(stored) === JSON.stringify(rules.map(paramsOf));
};

const scopeOf = ({ each }: NumberedRule, repository: string): string => {
  if (each === 'rule') return '';
  return each === 'repository' ? repository : (repository.split('/')[0] ?? '');
};

const usageOf = (row: Row): QuotaUsage => ({
  repositories: String(row['repositories']),
  scope: row['scope'] === '' ? undefined : String(row['scope']),
  used: Number(row['used']),
  limit: Number(row['bytes']),
});

/** What a content would take of the quotas of a repository. */
export interface QuotaDemand {
  readonly repository: string;
  readonly holder: 'links' | 'manifests';
  readonly digest: string;
  readonly size: number;
}

export interface Quotas {
  configure(rules: readonly QuotaRule[]): Promise<void>;
  usage(): readonly QuotaUsage[];
  of(repository: string): readonly QuotaUsage[];
  requireRoom(repository: string, bytes: number): void;
  /** As `requireRoom`, for a content that some repository of a scope may have already. */
  requireDemand(demand: QuotaDemand): void;
}

const requireFit = ({ repositories, scope, used, limit }: QuotaUsage, asked: number): void => {
  if (asked > 0 && used + asked > limit)
    throw metadataErrors.quotaExceeded({ repositories, scope, used, limit, asked });
};

const HELD = {
  links: 'SELECT 1 FROM links h JOIN quota_members m USING (repository) WHERE h.digest = ? AND m.scope = ?',
  manifests:
    'SELECT 1 FROM manifests h JOIN quota_members m USING (repository) WHERE h.digest = ? AND m.scope = ?',
} as const;

/** Quotas in an open database that has this room's migrations; without rules until they are configured. */
export const createQuotas = (database: Database): Quotas => {
  let rules: readonly NumberedRule[] = [];
  const rowsOf = (repository: string): readonly (QuotaUsage & { readonly id: number | undefined })[] =>
    rules
      .filter(({ pattern }) => pattern.matches(repository))
      .map((rule) => {
        const scope = scopeOf(rule, repository);
        const row = database.get(
          'SELECT id, used FROM quota_scopes WHERE rule = ? AND scope = ?',
          rule.id,
          scope,
        );
        return {
          id: row === undefined ? undefined : Number(row['id']),
          repositories: rule.pattern.text,
          scope: scope === '' ? undefined : scope,
          used: Number(row?.['used'] ?? 0),
          limit: rule.bytes,
        };
      });
  return {
    configure: async (wanted) => {
      const next = numbered(wanted);
      if (!areStored(database, next)) await database.write(replaceRules(next));
      rules = next;
    },
    usage: () =>
      database
        .all(
          `SELECT r.repositories, s.scope, s.used, s.bytes FROM quota_scopes s JOIN quota_rules r ON r.id = s.rule
           ORDER BY s.rule, s.scope`,
        )
        .map(usageOf),
    of: (repository) => rowsOf(repository).map(({ id: _id, ...usage }) => usage),
    requireRoom: (repository, bytes) => {
      for (const usage of rowsOf(repository)) requireFit(usage, bytes);
    },
    requireDemand: ({ repository, holder, digest, size }) => {
      for (const usage of rowsOf(repository)) {
        const held = usage.id !== undefined && database.get(HELD[holder], digest, usage.id) !== undefined;
        requireFit(usage, held ? 0 : size);
      }
    },
  };
};
