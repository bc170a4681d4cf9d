import { setTimeout as delay } from 'node:timers/promises';
import { accessErrors } from './errors.ts';

/** When failures of one key begin to cost time. */
interface Ladder {
  /** Failures without consequence. */
  readonly free: number;
  /** Failures after which nobody is let in for a while. */
  readonly refused: number;
  /** Longest time that nobody is let in. */
  readonly maxRefusalMs: number;
}

export interface ThrottleOptions {
  readonly now?: (() => number) | undefined;
  readonly wait?: ((ms: number) => Promise<unknown>) | undefined;
}

/** Slows down who guesses passwords. */
export interface Throttle {
  /**
   * Waits as long as earlier failures from this address, or of this name, make it wait.
   *
   * @throws ACCESS_THROTTLED after too many
   */
  admit(address: string, name: string): Promise<void>;
  failed(address: string, name: string): void;
  /** Forgets failures of this name at this address, no others: one's own good login buys no guesses at other names. */
  succeeded(address: string, name: string): void;
}

/** An address is somebody's own; a name is not, and must not be locked by whoever knows it. */
const LADDERS: { readonly [K in 'address' | 'name']: Ladder } = {
  address: { free: 5, refused: 12, maxRefusalMs: 5 * 60_000 },
  name: { free: 10, refused: 100, maxRefusalMs: 15_000 },
};

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 4_000;
const FIRST_REFUSAL_MS = 5_000;
/** Failures are forgotten after this time without another. */
const FORGET_MS = 15 * 60_000;
/** Keys remembered; the oldest go first. */
const MAX_KEYS = 10_000;

type Counts = Map<string, Failures>;

interface Failures {
  readonly count: number;
  readonly lastMs: number;
}

const delayOf = (ladder: Ladder, count: number): number =>
  count < ladder.free ? 0 : Math.min(FIRST_DELAY_MS * 2 ** (count - ladder.free), MAX_DELAY_MS);

/** Milliseconds after the last failure during which nobody is let in. */
const refusalOf = (ladder: Ladder, count: number): number =>
  count < ladder.refused
    ? 0
    : Math.min(FIRST_REFUSAL_MS * 2 ** (count - ladder.refused), ladder.maxRefusalMs);

/** An IPv6 customer has at least a /64 of addresses. */
const networkOf = (address: string): string => {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  return plain.includes(':') ? plain.split(':', 4).join(':') : plain;
};

/** Counts failed logins by address and by name, in bounded memory. */
export const createThrottle = (options: ThrottleOptions = {}): Throttle => {
  const { now = Date.now, wait = delay } = options;
  const failures: Counts = new Map();
  /** What of them is of one name at one address. */
  const pairs: Counts = new Map();

  const pairOf = (address: string, name: string): string => `${networkOf(address)} ${name.slice(0, 200)}`;

  const keysOf = (address: string, name: string) =>
    [
      { key: `a ${networkOf(address)}`, ladder: LADDERS.address },
      { key: `n ${name.slice(0, 200)}`, ladder: LADDERS.name },
    ] as const;

  const found = (counts: Counts, key: string): Failures | undefined => {
    const known = counts.get(key);
    if (known === undefined || now() - known.lastMs <= FORGET_MS) return known;
    counts.delete(key);
    return undefined;
  };

  const count = (counts: Counts, key: string): void => {
    const before = found(counts, key)?.count ?? 0;
    counts.delete(key);
    const [oldest] = counts.keys();
    if (counts.size >= MAX_KEYS && oldest !== undefined) counts.delete(oldest);
    counts.set(key, { count: before + 1, lastMs: now() });
  };

  const forgive = (key: string, times: number): void => {
    const known = found(failures, key);
    if (known === undefined) return;
    if (known.count > times) failures.set(key, { ...known, count: known.count - times });
    else failures.delete(key);
  };

  return {
    admit: async (address, name) => {
      let longest = 0;
      for (const { key, ladder } of keysOf(address, name)) {
        const known = found(failures, key);
        if (known === undefined) continue;
        const leftMs = known.lastMs + refusalOf(ladder, known.count) - now();
        if (leftMs > 0) throw accessErrors.throttled({ retryAfterSeconds: Math.ceil(leftMs / 1000) });
        longest = Math.max(longest, delayOf(ladder, known.count));
      }
      if (longest > 0) await wait(longest);
    },
    failed: (address, name) => {
      for (const { key } of keysOf(address, name)) count(failures, key);
      count(pairs, pairOf(address, name));
    },
    succeeded: (address, name) => {
      const pair = pairOf(address, name);
      const times = found(pairs, pair)?.count ?? 0;
      pairs.delete(pair);
      if (times > 0) for (const { key } of keysOf(address, name)) forgive(key, times);
    },
  };
};
