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

/**
 * What a lease protects is told to nobody, and after a power cut nobody works on it. What is to be taken up again is
 * recorded with content, and that is durable.
 */
const FOR_THIS_PROCESS = { durable: false };

/** Leases that outlived their process or were detached, and have time left or not. */
const pastLeases = (
  { database, live }: LeaseDependencies,
  condition: string,
  ...params: (string | number)[]
) =>
  database
    .all<{ id: string }>(`SELECT id FROM leases WHERE ${condition}`, ...params)
    .map(({ id }) => id)
    .filter((id) => !live.has(id));

const pastOfLabel = (dependencies: LeaseDependencies, label: string): readonly string[] =>
  pastLeases(dependencies, 'label = ? AND expires_at IS NOT NULL', label);

/** Takes over what an earlier lease of the same label protected, so that it ends with this one. */
const takeOver = (past: string, id: string): readonly Statement[] => [
  { sql: 'UPDATE OR IGNORE lease_items SET lease = ? WHERE lease = ?', params: [id, past] },
  { sql: 'DELETE FROM leases WHERE id = ?', params: [past] },
];

const insertLease = async (
  dependencies: LeaseDependencies,
  id: string,
  options: LeaseOptions,
): Promise<void> => {
  const now = Date.now();
  const expires = options.ttlMs === undefined ? null : now + options.ttlMs;
  const past = options.ttlMs === undefined ? [] : pastOfLabel(dependencies, options.label);
  const statements: readonly Statement[] = [
    {
      sql: 'INSERT INTO leases (id, label, everything, created_at, expires_at) VALUES (?, ?, ?, ?, ?)',
      params: [id, options.label, options.everything === true ? 1 : 0, now, expires],
    },
    ...past.flatMap((old) => takeOver(old, id)),
  ];
  await dependencies.database.write(statements, FOR_THIS_PROCESS);
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
        await database.write([protectStatement(lease, kind, key)], FOR_THIS_PROCESS);
      }),
    detach: () => void (detached = options.ttlMs !== undefined),
    async [Symbol.asyncDispose]() {
      if (ended) return;
      ended = true;
      live.delete(id);
      const done = detached || options.ttlMs === undefined ? [] : pastOfLabel(dependencies, options.label);
      const statements = [
        endStatement(id, detached ? options.ttlMs : undefined),
        ...done.map((past) => endStatement(past, undefined)),
      ];
      await database.write(statements, FOR_THIS_PROCESS);
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
      try {
        await insertLease(dependencies, id, options);
        return lease;
      } catch (error) {
        dependencies.live.delete(id);
        throw error;
      }
    };
    return options.everything === true ? dependencies.lock(LAYER_REMOVAL, make) : make();
  },
  async giveUp(label) {
    const past = pastOfLabel(dependencies, label);
    if (past.length > 0) await dependencies.database.write(past.map((id) => endStatement(id, undefined)));
    return past.length > 0;
  },
});

/**
 * Ends leases of earlier processes, and detached ones, that have no time left; all of them when `resumable` work is to
 * be given up. Those in use stay.
 */
export const endDeadLeases = async (
  dependencies: LeaseDependencies,
  options: { readonly resumable?: boolean | undefined } = {},
): Promise<void> => {
  const now = options.resumable === true ? Number.MAX_SAFE_INTEGER : Date.now();
  const dead = pastLeases(dependencies, 'expires_at IS NULL OR expires_at <= ?', now);
  await dependencies.database.write(
    dead.map((id) => ({ sql: 'DELETE FROM leases WHERE id = ?', params: [id] })),
  );
};
