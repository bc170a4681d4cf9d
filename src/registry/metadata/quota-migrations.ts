import type { Migration } from '#database';
import { namespaceOf } from './accounting-migrations.ts';

type Holder = 'links' | 'manifests';

/** Which scope of a rule a repository belongs to. */
const scopeOf = (name: string): string =>
  `CASE r.each WHEN 'namespace' THEN ${namespaceOf(name)} WHEN 'repository' THEN ${name} ELSE '' END`;

const used = (holder: Holder, sign: '+' | '-'): string => {
  const row = sign === '+' ? 'new' : 'old';
  const size = holder === 'links' ? `(SELECT size FROM blobs WHERE digest = ${row}.digest)` : `${row}.size`;
  return `
  CREATE TRIGGER quota_${holder}_${sign === '+' ? 'made' : 'removed'}
  AFTER ${sign === '+' ? 'INSERT' : 'DELETE'} ON ${holder} BEGIN
    UPDATE quota_scopes SET used = used ${sign} ${size}
    WHERE id IN (SELECT scope FROM quota_members WHERE repository = ${row}.repository)
      AND NOT EXISTS (
        SELECT 1 FROM ${holder} h JOIN quota_members m ON m.repository = h.repository AND m.scope = quota_scopes.id
        WHERE h.digest = ${row}.digest AND h.repository <> ${row}.repository);
  END;`;
};

/**
 * Quotas: rules as configured, their scopes (one, or one for each namespace or repository), which repositories belong to
 * which, and the bytes of distinct contents in each. A transaction that would put more into a scope than fits fails; what
 * is brought back by undoing a removal may exceed it.
 */
export const quotaMigrations: readonly Migration[] = [
  {
    room: 'registry-quotas',
    version: 1,
    sql: `
      CREATE TABLE quota_rules (
        id INTEGER PRIMARY KEY,
        repositories TEXT NOT NULL,
        expression TEXT NOT NULL,
        each TEXT NOT NULL CHECK (each IN ('rule', 'namespace', 'repository')),
        bytes INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE quota_scopes (
        id INTEGER PRIMARY KEY,
        rule INTEGER NOT NULL REFERENCES quota_rules (id) ON DELETE CASCADE,
        scope TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        used INTEGER NOT NULL DEFAULT 0,
        UNIQUE (rule, scope)
      ) STRICT;
      CREATE TABLE quota_members (
        repository TEXT NOT NULL REFERENCES repositories (name) ON DELETE CASCADE,
        scope INTEGER NOT NULL REFERENCES quota_scopes (id) ON DELETE CASCADE,
        PRIMARY KEY (repository, scope)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX quota_members_scope ON quota_members (scope);
      CREATE VIEW quota_matches AS
        SELECT n.name AS repository, r.id AS rule, ${scopeOf('n.name')} AS scope, r.bytes
        FROM repositories n JOIN quota_rules r ON n.name REGEXP r.expression;
      CREATE VIEW recount_quotas AS
        SELECT s.id, coalesce((SELECT sum(size) FROM (
          SELECT DISTINCT h.holder, h.digest, h.size FROM quota_members m JOIN holdings h ON h.repository = m.repository
          WHERE m.scope = s.id)), 0) AS used
        FROM quota_scopes s;
      CREATE TRIGGER quota_repository_made AFTER INSERT ON repositories BEGIN
        INSERT INTO quota_scopes (rule, scope, bytes)
          SELECT rule, scope, bytes FROM quota_matches WHERE repository = new.name ON CONFLICT DO NOTHING;
        INSERT INTO quota_members
          SELECT q.repository, s.id FROM quota_matches q JOIN quota_scopes s ON s.rule = q.rule AND s.scope = q.scope
          WHERE q.repository = new.name;
      END;
      CREATE TRIGGER quota_exceeded AFTER UPDATE OF used ON quota_scopes
      WHEN new.used > old.used AND new.used > new.bytes
        AND NOT EXISTS (SELECT 1 FROM tag_cause WHERE reason = 'restore') BEGIN
        SELECT RAISE(ABORT, 'quota exceeded');
      END;
      ${used('links', '+')}
      ${used('links', '-')}
      ${used('manifests', '+')}
      ${used('manifests', '-')}
    `,
  },
];
