import type { Database, Migration, Row, Statement } from '#database';
import type { Descriptor, Digest } from '#oci';

/** Indexes that are being put together by hand, each until it is pushed and purged or removed. */
export const listMigrations: readonly Migration[] = [
  {
    room: 'store-lists',
    version: 1,
    sql: `CREATE TABLE manifest_lists (name TEXT PRIMARY KEY, content TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
  },
];

/** One manifest of a list. */
export interface ListEntry {
  /** As it was named: canonical `name:tag` or `name@digest`. */
  readonly reference: string;
  /** With its platform. */
  readonly descriptor: Descriptor;
  /** Where its content is: here, or in the repository that `reference` names. */
  readonly from: 'store' | 'registry';
}

export interface ManifestList {
  /** Canonical `name:tag`. */
  readonly name: string;
  readonly entries: readonly ListEntry[];
}

/** Every change is one transaction, durable when it resolves. */
export interface ManifestLists {
  get(name: string): ManifestList | undefined;
  /** Sorted. */
  names(): readonly string[];
  /** Writes a list, and keeps these blobs for it besides those that it keeps; all must be stored already. */
  put(list: ManifestList, blobs?: readonly Digest[]): Promise<void>;
  /** Removes a list; what it alone kept goes with `collect`. False when there was none. */
  remove(name: string): Promise<boolean>;
}

const HOLDER = 'manifest-list';

const keep = (name: string, digest: Digest): Statement => ({
  sql: `INSERT INTO holds (holder_kind, holder, label, kind, key) SELECT '${HOLDER}', ?, ?, 'blob', digest FROM blobs
        WHERE digest = ? ON CONFLICT (kind, key, holder_kind, holder) DO UPDATE SET label = excluded.label`,
  params: [name, name, digest],
  expectChanges: 1,
});

export const createManifestLists = (database: Database): ManifestLists => ({
  get(name) {
    const row = database.get<Row & { content: string }>(
      'SELECT content FROM manifest_lists WHERE name = ?',
      name,
    );
    return row === undefined ? undefined : { name, entries: JSON.parse(row.content) as readonly ListEntry[] };
  },
  names: () =>
    database
      .all<Row & { name: string }>('SELECT name FROM manifest_lists ORDER BY name')
      .map((row) => row.name),
  async put({ name, entries }, blobs = []) {
    const sql = `INSERT INTO manifest_lists (name, content) VALUES (?, ?)
                 ON CONFLICT (name) DO UPDATE SET content = excluded.content`;
    await database.write([
      { sql, params: [name, JSON.stringify(entries)] },
      ...[...new Set(blobs)].map((digest) => keep(name, digest)),
    ]);
  },
  async remove(name) {
    const [result] = await database.write([
      { sql: 'DELETE FROM manifest_lists WHERE name = ?', params: [name] },
      { sql: `DELETE FROM holds WHERE holder_kind = '${HOLDER}' AND holder = ?`, params: [name] },
    ]);
    return result?.changes === 1;
  },
});
