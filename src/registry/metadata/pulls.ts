import type { Database } from '#database';
import type { PullStore } from './collection-types.ts';

/** Pull counts in an open database. */
export const createPulls = (database: Database): PullStore => ({
  addPulls: async (pulls) => {
    await database.write(
      pulls.map(({ repository, kind, name, count, lastMs }) => ({
        sql: `INSERT INTO pulls VALUES (?, ?, ?, ?, ?) ON CONFLICT (repository, kind, name)
              DO UPDATE SET count = count + excluded.count, last_ms = max(last_ms, excluded.last_ms)`,
        params: [repository, kind, name, count, lastMs],
      })),
      { durable: false },
    );
  },
  pulls: (repository) =>
    database
      .all(
        'SELECT kind, name, count, last_ms FROM pulls WHERE repository = ? ORDER BY kind, name',
        repository,
      )
      .map((row) => ({
        repository,
        kind: row['kind'] === 'tag' ? 'tag' : 'digest',
        name: String(row['name']),
        count: Number(row['count']),
        lastMs: Number(row['last_ms']),
      })),
});
