import type { Database, Row, Statement } from '#database';
import type { DeadLetter, DeliveryState, DeliveryStore } from './delivery-types.ts';
import type { JournalEntry } from './types.ts';

const stateOf = (row: Row): DeliveryState => ({
  endpoint: String(row['endpoint']),
  position: Number(row['position']),
  attempts: Number(row['attempts']),
  nextMs: Number(row['next_ms']),
  lastError: typeof row['last_error'] === 'string' ? row['last_error'] : undefined,
  lastSuccessMs: row['last_success_ms'] === null ? undefined : Number(row['last_success_ms']),
  delivered: Number(row['delivered']),
  buried: Number(row['buried']),
});

const letterOf = (row: Row): DeadLetter => ({
  id: Number(row['id']),
  endpoint: String(row['endpoint']),
  entry: JSON.parse(String(row['entry'])) as JournalEntry,
  attempts: Number(row['attempts']),
  reason: String(row['reason']),
  atMs: Number(row['at_ms']),
});

const saving = (state: DeliveryState): Statement => ({
  sql: `INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (endpoint) DO UPDATE SET
          position = excluded.position, attempts = excluded.attempts, next_ms = excluded.next_ms,
          last_error = excluded.last_error, last_success_ms = excluded.last_success_ms,
          delivered = excluded.delivered, buried = excluded.buried`,
  params: [
    state.endpoint,
    state.position,
    state.attempts,
    state.nextMs,
    state.lastError ?? null,
    state.lastSuccessMs ?? null,
    state.delivered,
    state.buried,
  ],
});

const adding = ({ endpoint, entry, attempts, reason, atMs }: Omit<DeadLetter, 'id'>): Statement => ({
  sql: 'INSERT INTO dead_letters (endpoint, entry, attempts, reason, at_ms) VALUES (?, ?, ?, ?, ?)',
  params: [endpoint, JSON.stringify(entry), attempts, reason, atMs],
});

const TRIM = `DELETE FROM dead_letters WHERE endpoint = ?1 AND id <= coalesce((
  SELECT id FROM dead_letters WHERE endpoint = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2), 0)`;

/** Deliveries in an open database that has this room's migrations. */
export const createDeliveries = (database: Database): DeliveryStore => ({
  instance: String(database.get('SELECT name FROM instance')?.['name'] ?? ''),
  states: () => database.all('SELECT * FROM deliveries ORDER BY endpoint').map(stateOf),
  state: (endpoint) => {
    const row = database.get('SELECT * FROM deliveries WHERE endpoint = ?', endpoint);
    return row === undefined ? undefined : stateOf(row);
  },
  save: async (state) => {
    await database.write([saving(state)], { durable: false });
  },
  bury: async (state, letters, keep) => {
    await database.write([
      saving(state),
      ...letters.map(adding),
      { sql: TRIM, params: [state.endpoint, keep] },
    ]);
  },
  deadLetters: (endpoint, { limit, after }) =>
    database
      .all(
        'SELECT * FROM dead_letters WHERE (?1 IS NULL OR endpoint = ?1) AND id > ?2 ORDER BY id LIMIT ?3',
        endpoint ?? null,
        after,
        limit,
      )
      .map(letterOf),
  countDeadLetters: (endpoint) =>
    Number(database.get('SELECT count(*) AS n FROM dead_letters WHERE endpoint = ?', endpoint)?.['n'] ?? 0),
  removeDeadLetters: async (ids) => {
    await database.write(ids.map((id) => ({ sql: 'DELETE FROM dead_letters WHERE id = ?', params: [id] })));
  },
  probe: async () => {
    await database.write([{ sql: 'UPDATE instance SET probed_ms = ?', params: [Date.now()] }]);
  },
});
