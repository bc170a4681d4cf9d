import type { Database, Row, Statement } from '#database';
import { asImageId, type Digest } from '#oci';
import { storeErrors } from './errors.ts';
import type { Holder, Holds, ProtectedKind } from './types.ts';

type HoldRow = Row & {
  holder_kind: string;
  holder: string;
  label: string | null;
  kind: ProtectedKind;
  key: Digest;
};

const columns = 'SELECT holder_kind, holder, label, kind, key FROM holds';

const holderOf = (row: HoldRow): Holder => ({
  kind: row.holder_kind,
  id: row.holder,
  ...(row.label === null ? {} : { label: row.label }),
});

const insertHold = (kind: ProtectedKind, key: Digest, holder: Holder): Statement => ({
  sql: `INSERT INTO holds (holder_kind, holder, label, kind, key) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (kind, key, holder_kind, holder) DO UPDATE SET label = excluded.label`,
  params: [holder.kind, holder.id, holder.label ?? null, kind, key],
});

const insertImageHold = (id: Digest, holder: Holder): Statement => ({
  sql: `INSERT INTO holds (holder_kind, holder, label, kind, key) SELECT ?, ?, ?, 'image', id FROM images WHERE id = ?
        ON CONFLICT (kind, key, holder_kind, holder) DO UPDATE SET label = excluded.label`,
  params: [holder.kind, holder.id, holder.label ?? null, id],
});

const releaseStatement = ({ kind, id }: Pick<Holder, 'kind' | 'id'>): Statement => ({
  sql: 'DELETE FROM holds WHERE holder_kind = ? AND holder = ?',
  params: [kind, id],
});

export const createHolds = (database: Database): Holds => ({
  async hold(id, holder) {
    const [result] = await database.write([insertImageHold(id, holder)]);
    if (result?.changes !== 1) throw storeErrors.imageNotFound({ id });
  },
  async holdContent(content, holder) {
    const statements = [
      releaseStatement(holder),
      ...content.map(({ kind, key }) => insertHold(kind, key, holder)),
    ];
    await database.write(statements, { durable: false });
  },
  async release(holder) {
    await database.write([releaseStatement(holder)]);
  },
  holdersOf: (id) =>
    database
      .all<HoldRow>(`${columns} WHERE kind = 'image' AND key = ? ORDER BY holder_kind, holder`, id)
      .map(holderOf),
  holders() {
    const rows = database.all<HoldRow>(`${columns} WHERE kind = 'image' ORDER BY holder_kind, holder`);
    const byImage = Map.groupBy(rows, ({ key }) => asImageId(key));
    return new Map([...byImage].map(([id, held]) => [id, held.map(holderOf)]));
  },
  heldBy: (kind) =>
    database
      .all<HoldRow>(`${columns} WHERE holder_kind = ? ORDER BY holder, key`, kind)
      .map((row) => ({ holder: holderOf(row), kind: row.kind, key: row.key })),
});
