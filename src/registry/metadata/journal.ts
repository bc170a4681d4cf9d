import type { Database, Row, SqlValue, Statement } from '#database';
import type { Cause, Journal, JournalEntry, JournalFilter, NewEntry } from './types.ts';

/** The journal as other writes use it. */
export interface JournalWriter extends Journal {
  /** To be part of the transaction that makes the change. */
  statement(entry: NewEntry): Statement;
  /** To be called once that transaction has committed. */
  appended(): void;
}

const INSERT = `INSERT INTO journal
  (at_ms, action, outcome, repository, tag, digest, media_type, size, reason, actor, cause, source)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** Other writes wait for one of these at most. */
const TRIM_AT_ONCE = 2000;
const TRIM =
  'DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE at_ms < ? ORDER BY at_ms LIMIT ?)';

/** Longest text kept of what a client sends about itself. */
const MAX_TEXT = 300;

/** One line without control characters: logs and events cannot be forged with it. */
export const oneLine = (text: string | undefined): string | undefined =>
  // eslint-disable-next-line no-control-regex
  text?.slice(0, MAX_TEXT).replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ');

const causeText = ({ actor: _actor, ...rest }: Cause): string =>
  JSON.stringify(rest, (_key, value: unknown) => (typeof value === 'string' ? oneLine(value) : value));

const paramsOf = (entry: NewEntry): readonly SqlValue[] => [
  Date.now(),
  entry.action,
  entry.outcome,
  entry.repository ?? null,
  entry.tag ?? null,
  entry.digest ?? null,
  entry.mediaType ?? null,
  entry.size ?? null,
  oneLine(entry.reason) ?? null,
  oneLine(entry.cause.actor) ?? '',
  causeText(entry.cause),
  entry.from ?? null,
];

const textOf = (value: SqlValue | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

const entryOf = (row: Row): JournalEntry => ({
  id: Number(row['id']),
  atMs: Number(row['at_ms']),
  action: String(row['action']) as JournalEntry['action'],
  outcome: String(row['outcome']) as JournalEntry['outcome'],
  repository: textOf(row['repository']),
  tag: textOf(row['tag']),
  digest: textOf(row['digest']),
  mediaType: textOf(row['media_type']),
  size: row['size'] === null ? undefined : Number(row['size']),
  reason: textOf(row['reason']),
  from: textOf(row['source']),
  cause: { ...(JSON.parse(String(row['cause'])) as Omit<Cause, 'actor'>), actor: String(row['actor']) },
});

const read = (database: Database, filter: JournalFilter): readonly JournalEntry[] => {
  const { after = 0, limit, repository = null, outcome = null, newestFirst = false } = filter;
  return database
    .all(
      `SELECT * FROM journal WHERE id > ?1 AND (?2 IS NULL OR repository = ?2) AND (?3 IS NULL OR outcome = ?3)
       ORDER BY id ${newestFirst ? 'DESC' : 'ASC'} LIMIT ?4`,
      after,
      repository,
      outcome,
      limit,
    )
    .map(entryOf);
};

/** The journal in an open database that has this room's migrations. */
export const createJournal = (database: Database): JournalWriter => {
  const listeners = new Set<() => void>();
  const appended = (): void => {
    for (const listener of listeners) listener();
  };
  const statement = (entry: NewEntry): Statement => ({ sql: INSERT, params: paramsOf(entry) });
  return {
    statement,
    appended,
    entries: (filter) => read(database, filter),
    lastId: () => Number(database.get('SELECT MAX(id) AS id FROM journal')?.['id'] ?? 0),
    append: async (entries) => {
      await database.write(entries.map(statement), { durable: false });
      appended();
    },
    trim: async (beforeMs) => {
      let removed = 0;
      for (;;) {
        const [result] = await database.write([{ sql: TRIM, params: [beforeMs, TRIM_AT_ONCE] }]);
        removed += result?.changes ?? 0;
        if ((result?.changes ?? 0) < TRIM_AT_ONCE) return removed;
      }
    },
    follow: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
};
