import type { Database, SqlValue } from '#database';
import type { CatalogStore, Documentation, DocumentationChange, DocumentationLink } from './catalog-types.ts';
import type { JournalWriter } from './journal.ts';

const textOf = (value: SqlValue | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

const columnsOf = ({ description, readme, links, logo }: Documentation) => ({
  description,
  readme,
  links: links === undefined ? undefined : links.length === 0 ? '' : JSON.stringify(links),
  logo,
});

/** Descriptions of repositories, and who stars them. */
export const createDocumentation = (database: Database, journal: JournalWriter) => {
  const row = (repository: string) =>
    database.get('SELECT * FROM documentation WHERE repository = ?', repository);
  return {
    documentation: (repository: string): Documentation => {
      const found = row(repository);
      const links = textOf(found?.['links']);
      return {
        description: textOf(found?.['description']),
        readme: textOf(found?.['readme']),
        links: links === undefined ? undefined : (JSON.parse(links) as readonly DocumentationLink[]),
        logo: textOf(found?.['logo']),
      };
    },
    imageTexts: (repository: string) =>
      JSON.parse(textOf(row(repository)?.['image']) ?? '{}') as Readonly<Record<string, string>>,
    document: async ({ repository, change, cause }: DocumentationChange) => {
      const given = Object.entries(columnsOf(change)).flatMap(([column, value]) =>
        value === undefined ? [] : [[column, value === '' ? null : value] as const],
      );
      const names = given.map(([column]) => column);
      await database.write([
        {
          sql: 'INSERT INTO documentation (repository) VALUES (?) ON CONFLICT DO NOTHING',
          params: [repository],
        },
        ...given.map(([column, value]) => ({
          sql: `UPDATE documentation SET ${column} = ? WHERE repository = ?`,
          params: [value, repository],
        })),
        journal.statement({
          action: 'administer',
          outcome: 'done',
          repository,
          reason: `documentation: ${names.join(', ')}`,
          cause,
        }),
      ]);
      journal.appended();
    },
    star: async ({ repository, name, on }: Parameters<CatalogStore['star']>[0]) => {
      await database.write([
        on
          ? {
              sql: 'INSERT INTO stars VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
              params: [repository, name, Date.now()],
            }
          : { sql: 'DELETE FROM stars WHERE repository = ? AND name = ?', params: [repository, name] },
      ]);
    },
    isStarred: (repository: string, name: string) =>
      database.get('SELECT 1 FROM stars WHERE repository = ? AND name = ?', repository, name) !== undefined,
  } satisfies Partial<CatalogStore>;
};
