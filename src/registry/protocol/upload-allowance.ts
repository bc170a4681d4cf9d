import { metadataErrors, type Policies } from '#metadata';

/** What an upload session is, as far as quotas are concerned. */
export interface Session {
  readonly id: string;
  readonly repository: string;
}

/**
 * Holds the bytes of uploads in flight against the quotas of their repositories, so that neither what is committed nor
 * what is on the way there exceeds them. In memory: sessions of an earlier process count from their next request on.
 */
export interface UploadAllowance {
  /**
   * Takes up to `bytes` in all for a session that is being written to. Sessions that nobody writes to give way.
   *
   * @throws METADATA_QUOTA_EXCEEDED
   */
  reserve(session: Session, bytes: number): Promise<void>;
  /** Nobody writes to the session for now. */
  rest(id: string): void;
  /** The session is over, or what it brought counts by itself from now on. */
  release(id: string): void;
}

interface Reservation {
  readonly bytes: number;
  /** Quotas it counts in. */
  readonly scopes: readonly string[];
  /** Since when nobody writes; undefined while somebody does. */
  readonly idleMs: number | undefined;
}

export interface AllowanceOptions {
  readonly policies: Pick<Policies, 'quotasOf'>;
  /** Ends a session that gives way. */
  readonly evict: (id: string) => Promise<void>;
  /** Milliseconds after which a session without a request may have to give way, default one minute. */
  readonly idleMs?: number | undefined;
}

const IDLE_MS = 60_000;

type Quota = ReturnType<Policies['quotasOf']>[number];

const scopeKey = ({ repositories, scope }: Quota): string => `${repositories} ${scope ?? ''}`;

export const createUploadAllowance = (options: AllowanceOptions): UploadAllowance => {
  const { policies, evict, idleMs = IDLE_MS } = options;
  const reservations = new Map<string, Reservation>();

  const inFlight = (key: string, except: string): number => {
    let bytes = 0;
    for (const [id, reservation] of reservations)
      if (id !== except && reservation.scopes.includes(key)) bytes += reservation.bytes;
    return bytes;
  };

  /** The session of the scope that nobody has written to for longest, if for long enough. */
  const idlest = (key: string, except: string): string | undefined => {
    const before = Date.now() - idleMs;
    const idle = [...reservations].filter(
      ([id, { scopes, idleMs: since }]) =>
        id !== except && since !== undefined && since <= before && scopes.includes(key),
    );
    return idle.toSorted(([, a], [, b]) => (a.idleMs ?? 0) - (b.idleMs ?? 0))[0]?.[0];
  };

  /** The session that has to give way for the bytes to fit; undefined when they do. */
  const inTheWay = (id: string, quotas: readonly Quota[], bytes: number): string | undefined => {
    for (const quota of quotas) {
      const key = scopeKey(quota);
      const used = quota.used + inFlight(key, id);
      if (used + bytes <= quota.limit) continue;
      const given = quota.used + bytes <= quota.limit ? idlest(key, id) : undefined;
      if (given !== undefined) return given;
      const { repositories, scope, limit } = quota;
      throw metadataErrors.quotaExceeded({ repositories, scope, used, limit, asked: bytes });
    }
    return undefined;
  };

  return {
    reserve: async ({ id, repository }, bytes) => {
      for (;;) {
        const quotas = policies.quotasOf(repository);
        if (quotas.length === 0 || bytes === 0) return;
        const given = inTheWay(id, quotas, bytes);
        if (given === undefined) {
          reservations.set(id, { bytes, scopes: quotas.map(scopeKey), idleMs: undefined });
          return;
        }
        reservations.delete(given);
        await evict(given);
      }
    },
    rest: (id) => {
      const reservation = reservations.get(id);
      if (reservation !== undefined) reservations.set(id, { ...reservation, idleMs: Date.now() });
    },
    release: (id) => void reservations.delete(id),
  };
};
