import { randomUUID } from 'node:crypto';
import type { Database, Statement } from '#database';
import { storeErrors } from './errors.ts';
import type { KeyedLock } from './keyed-lock.ts';
import type { Lease, LeaseOptions, Leases, ProtectedKind } from './types.ts';

/** Lock of everything that removes layers, and of leases that forbid it. */
export const LAYER_REMOVAL = 'layer removal';

/** The statement that lets `lease` protect; fails with `conflict` when the lease has ended. */
export const protectStatement = (lease: Lease, kind: ProtectedKind, key: string): Statement => ({
  sql: `INSERT INTO lease_items (lease, kind, key) SELECT id, ?, ? FROM leases WHERE id = ?
        ON CONFLICT (kind, key, lease) DO UPDATE SET key = excluded.key`,
  params: [kind, key, lease.id],
  expectChanges: 1,
});

const insertLease = async (database: Database, id: string, options: LeaseOptions): Promise<void> => {
  const now = Date.now();
  const expires = options.ttlMs === undefined ? null : now + options.ttlMs;
  await database.write([
    {
      sql: 'INSERT INTO leases (id, label, everything, created_at, expires_at) VALUES (?, ?, ?, ?, ?)',
      params: [id, options.label, options.everything === true ? 1 : 0, now, expires],
    },
  ]);
};

const endStatement = (id: string, ttlMs: number | undefined): Statement =>
  ttlMs === undefined
    ? { sql: 'DELETE FROM leases WHERE id = ?', params: [id] }
    : {
        sql: 'UPDATE leases SET everything = 0, expires_at = ? WHERE id = ?',
        params: [Date.now() + ttlMs, id],
      };

/** A live lease never expires: its time begins to count when the process ends or `detach` was called. */
const createLease = (dependencies: LeaseDependencies, id: string, options: LeaseOptions): Lease => {
  const { database, lock, live } = dependencies;
  let detached = false;
  let ended = false;
  const lease: Lease = {
    id,
    label: options.label,
    protect: (kind, key) =>
      lock(key, async () => {
        if (ended) throw storeErrors.leaseEnded({ id, label: options.label });
        await database.write([protectStatement(lease, kind, key)]);
      }),
    detach: () => void (detached = options.ttlMs !== undefined),
    async [Symbol.asyncDispose]() {
      if (ended) return;
      ended = true;
      live.delete(id);
      await database.write([endStatement(id, detached ? options.ttlMs : undefined)]);
    },
  };
  live.set(id, lease);
  return lease;
};

export interface LeaseDependencies {
  readonly database: Database;
  readonly lock: KeyedLock;
  /** Leases of this process, by ID. */
  readonly live: Map<string, Lease>;
}

export const createLeases = (dependencies: LeaseDependencies): Leases => ({
  async create(options) {
    const id = randomUUID();
    const make = async (): Promise<Lease> => {
      const lease = createLease(dependencies, id, options);
      await insertLease(dependencies.database, id, options);
      return lease;
    };
    return options.everything === true ? dependencies.lock(LAYER_REMOVAL, make) : make();
  },
});

/** Ends leases of earlier processes that have no time left; those of this process stay. */
export const endDeadLeases = async (dependencies: LeaseDependencies): Promise<void> => {
  const { database, live } = dependencies;
  const dead = database
    .all<{ id: string }>('SELECT id FROM leases WHERE expires_at IS NULL OR expires_at <= ?', Date.now())
    .filter(({ id }) => !live.has(id));
  await database.write(dead.map(({ id }) => ({ sql: 'DELETE FROM leases WHERE id = ?', params: [id] })));
};
