import type { Migration } from '#database';

/** First component of a name. Versions below depend on this text. */
export const namespaceOf = (name: string): string =>
  `CASE instr(${name}, '/') WHEN 0 THEN ${name} ELSE substr(${name}, 1, instr(${name}, '/') - 1) END`;

type Holder = 'links' | 'manifests';

const SIZE: Readonly<Record<Holder, (row: string) => string>> = {
  links: (row) => `(SELECT size FROM blobs WHERE digest = ${row}.digest)`,
  manifests: (row) => `${row}.size`,
};

/**
 * Says that a repository came to hold a content, or lost it, and who else holds it: how many other repositories (at most
 * 2) and one of them; whether one of them is of the same namespace (kin), and if not, how many other namespaces (at most
 * 2) and one of them. Looks at a few rows only, however many hold the content: names of a namespace `n` are `n` itself and
 * what lies between `n/` and `n0`.
 */
const change = (holder: Holder, sign: 1 | -1): string => {
  const row = sign === 1 ? 'new' : 'old';
  const others = `FROM ${holder} WHERE digest = ${row}.digest AND repository <> ${row}.repository`;
  const exists = (condition: string): string => `EXISTS (SELECT 1 ${others} AND ${condition})`;
  return `
  CREATE TRIGGER usage_${holder}_${sign === 1 ? 'made' : 'removed'}
  AFTER ${sign === 1 ? 'INSERT' : 'DELETE'} ON ${holder} BEGIN
    INSERT INTO usage_changes
    SELECT '${holder}', ${sign}, c.repository, c.namespace, ${SIZE[holder](row)}, c.others, c.other, c.kin,
      CASE WHEN c.kin OR c.stranger IS NULL THEN 0
        WHEN ${exists('repository < c.stranger')}
          OR ${exists("repository > c.stranger AND repository < c.stranger || '/'")}
          OR ${exists("repository >= c.stranger || '0'")} THEN 2
        ELSE 1 END,
      c.stranger
    FROM (SELECT b.*, ${namespaceOf('b.other')} AS stranger FROM (
      SELECT u.repository, u.namespace,
        (SELECT count(*) FROM (SELECT 1 ${others} LIMIT 2)) AS others,
        (SELECT repository ${others} LIMIT 1) AS other,
        ${exists('repository = u.namespace')}
          OR ${exists("repository > u.namespace || '/' AND repository < u.namespace || '0'")} AS kin
      FROM usage_repositories u WHERE u.repository = ${row}.repository) b) c;
  END;`;
};

/**
 * Bytes that repositories and namespaces hold, counted by triggers in the transaction of every change. The views
 * `recount_…` count the same from the beginning.
 */
export const accountingMigrations: readonly Migration[] = [
  {
    room: 'registry-accounting',
    version: 1,
    sql: `
      CREATE VIEW holdings AS
        SELECT 'links' AS holder, repository, digest, size FROM links JOIN blobs USING (digest)
        UNION ALL SELECT 'manifests', repository, digest, size FROM manifests;
      CREATE VIEW recount_repositories AS
        SELECT r.name AS repository, ${namespaceOf('r.name')} AS namespace,
          count(*) FILTER (WHERE h.holder = 'links') AS blobs,
          count(*) FILTER (WHERE h.holder = 'manifests') AS manifests,
          coalesce(sum(h.size), 0) AS total_bytes,
          coalesce(sum(h.size) FILTER (WHERE c.holders = 1), 0) AS unique_bytes
        FROM repositories r LEFT JOIN holdings h ON h.repository = r.name
        LEFT JOIN (SELECT holder, digest, count(*) AS holders FROM holdings GROUP BY holder, digest) c
          ON c.holder = h.holder AND c.digest = h.digest
        GROUP BY r.name;
      CREATE VIEW namespace_holdings AS
        SELECT DISTINCT ${namespaceOf('repository')} AS namespace, holder, digest, size FROM holdings;
      CREATE VIEW recount_namespaces AS
        SELECT n.namespace, n.repositories, coalesce(sum(h.size), 0) AS total_bytes,
          coalesce(sum(h.size) FILTER (WHERE c.holders = 1), 0) AS unique_bytes
        FROM (SELECT ${namespaceOf('name')} AS namespace, count(*) AS repositories FROM repositories
          GROUP BY namespace) n
        LEFT JOIN namespace_holdings h ON h.namespace = n.namespace
        LEFT JOIN (SELECT holder, digest, count(*) AS holders FROM namespace_holdings GROUP BY holder, digest) c
          ON c.holder = h.holder AND c.digest = h.digest
        GROUP BY n.namespace
        UNION ALL SELECT '', (SELECT count(*) FROM repositories), coalesce(sum(size), 0), coalesce(sum(size), 0)
        FROM (SELECT DISTINCT holder, digest, size FROM holdings);

      CREATE TABLE usage_repositories (
        repository TEXT NOT NULL PRIMARY KEY,
        namespace TEXT NOT NULL,
        blobs INTEGER NOT NULL,
        manifests INTEGER NOT NULL,
        total_bytes INTEGER NOT NULL,
        unique_bytes INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX usage_repositories_namespace ON usage_repositories (namespace, repository);
      CREATE TABLE usage_namespaces (
        namespace TEXT NOT NULL PRIMARY KEY,
        repositories INTEGER NOT NULL,
        total_bytes INTEGER NOT NULL,
        unique_bytes INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      INSERT INTO usage_repositories SELECT * FROM recount_repositories;
      INSERT INTO usage_namespaces SELECT * FROM recount_namespaces;

      CREATE VIEW usage_changes AS
        SELECT NULL AS holder, NULL AS sign, NULL AS repository, NULL AS namespace, NULL AS size,
          NULL AS others, NULL AS other, NULL AS kin, NULL AS strangers, NULL AS stranger;
      CREATE TRIGGER usage_changed INSTEAD OF INSERT ON usage_changes BEGIN
        UPDATE usage_repositories SET
          blobs = blobs + iif(new.holder = 'links', new.sign, 0),
          manifests = manifests + iif(new.holder = 'manifests', new.sign, 0),
          total_bytes = total_bytes + new.sign * new.size,
          unique_bytes = unique_bytes + iif(new.others = 0, new.sign * new.size, 0)
          WHERE repository = new.repository;
        UPDATE usage_repositories SET unique_bytes = unique_bytes - new.sign * new.size
          WHERE new.others = 1 AND repository = new.other;
        UPDATE usage_namespaces SET
          total_bytes = total_bytes + new.sign * new.size,
          unique_bytes = unique_bytes + iif(new.strangers = 0, new.sign * new.size, 0)
          WHERE NOT new.kin AND namespace = new.namespace;
        UPDATE usage_namespaces SET unique_bytes = unique_bytes - new.sign * new.size
          WHERE NOT new.kin AND new.strangers = 1 AND namespace = new.stranger;
        UPDATE usage_namespaces SET
          total_bytes = total_bytes + new.sign * new.size,
          unique_bytes = unique_bytes + new.sign * new.size
          WHERE new.others = 0 AND namespace = '';
      END;
      CREATE TRIGGER usage_repository_made AFTER INSERT ON repositories BEGIN
        INSERT INTO usage_repositories VALUES (new.name, ${namespaceOf('new.name')}, 0, 0, 0, 0);
        INSERT INTO usage_namespaces VALUES (${namespaceOf('new.name')}, 1, 0, 0)
          ON CONFLICT DO UPDATE SET repositories = repositories + 1;
        UPDATE usage_namespaces SET repositories = repositories + 1 WHERE namespace = '';
      END;
      CREATE TRIGGER usage_repository_removed AFTER DELETE ON repositories BEGIN
        DELETE FROM usage_repositories WHERE repository = old.name;
        UPDATE usage_namespaces SET repositories = repositories - 1
          WHERE namespace IN ('', ${namespaceOf('old.name')});
        DELETE FROM usage_namespaces WHERE namespace = ${namespaceOf('old.name')} AND repositories = 0;
      END;
      ${change('links', 1)}
      ${change('links', -1)}
      ${change('manifests', 1)}
      ${change('manifests', -1)}
    `,
  },
];
