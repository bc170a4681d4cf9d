import type { Digest } from '#oci';
import type { Protection } from '#protocol';

/** What clients were told to be here. */
export interface Promises extends Protection {
  /** Whether that was within the last `windowMs`. */
  isPromised(repository: string, digest: Digest, windowMs: number): boolean;
  /** Everything that was here then counts as promised at that time. */
  readonly sinceMs: number;
  /**
   * Removes: who is promised one of these meanwhile waits until it is known whether it is still there. Nothing may
   * happen between asking `isPromised` and calling this.
   */
  removing<T>(repository: string, digests: readonly Digest[], work: () => Promise<T>): Promise<T>;
  /** Everything as text, for `sinceText`. */
  toText(): string;
  /** Another longest window from now on; with a longer one everything counts as promised now. */
  configure(windowMs: number): void;
}

interface Bucket {
  readonly keys: Set<string>;
  /** Repositories with more than could be remembered. */
  readonly repositories: Set<string>;
}

export interface PromisesOptions {
  /** The longest window that will be asked for. */
  readonly windowMs: number;
  /** What an earlier process remembered when it ended, `toText()`. */
  readonly earlier?: string | undefined;
  /** When nothing was remembered: everything counts as promised at this time. */
  readonly startMs: number;
  /** Promises remembered one by one. */
  readonly limit?: number | undefined;
}

const BUCKETS = 12;
const LIMIT = 100_000;
const HEX = 16;

/** A part of the digest is enough: two that share it protect each other. */
const keyOf = (repository: string, digest: Digest): string =>
  `${repository} ${digest.slice(digest.indexOf(':') + 1).slice(0, HEX)}`;

interface Remembered {
  readonly sinceMs: number;
  readonly widthMs: number;
  readonly buckets: readonly (readonly [number, readonly string[], readonly string[]])[];
}

const bucketsFrom = (text: string | undefined, widthMs: number) => {
  const buckets = new Map<number, Bucket>();
  if (text === undefined) return { buckets, sinceMs: undefined };
  const earlier = JSON.parse(text) as Remembered;
  for (const [index, keys, repositories] of earlier.buckets) {
    const endMs = (index + 1) * earlier.widthMs;
    buckets.set(Math.floor(endMs / widthMs), { keys: new Set(keys), repositories: new Set(repositories) });
  }
  return { buckets, sinceMs: earlier.sinceMs };
};

/**
 * Remembers promises in memory, in a dozen buckets of time: nothing is written for a HEAD. When there are too many, whole
 * repositories count as promised.
 */
export const createPromises = (options: PromisesOptions): Promises => {
  const widthMs = Math.max(1000, Math.ceil(options.windowMs / BUCKETS));
  const { limit = LIMIT } = options;
  const { buckets, sinceMs: earlierSinceMs = options.startMs } = bucketsFrom(options.earlier, widthMs);
  let { windowMs: longestMs } = options;
  let sinceMs = earlierSinceMs;
  const leaving = new Map<string, Promise<unknown>>();
  let count = [...buckets.values()].reduce((sum, { keys }) => sum + keys.size, 0);

  const bucketNow = (): Bucket => {
    const now = Date.now();
    const index = Math.floor(now / widthMs);
    const found = buckets.get(index);
    if (found !== undefined) return found;
    for (const [old, bucket] of buckets) {
      if ((old + 1) * widthMs > now - longestMs) continue;
      buckets.delete(old);
      count -= bucket.keys.size;
    }
    const made: Bucket = { keys: new Set(), repositories: new Set() };
    buckets.set(index, made);
    return made;
  };

  return {
    get sinceMs() {
      return sinceMs;
    },
    promised: (repository, digest) => {
      const { keys, repositories } = bucketNow();
      const key = keyOf(repository, digest);
      if (!keys.has(key)) {
        if (count < limit) {
          keys.add(key);
          count += 1;
        } else repositories.add(repository);
      }
      return leaving.size === 0 ? undefined : leaving.get(key)?.then(() => undefined);
    },
    isPromised: (repository, digest, windowMs) => {
      if (windowMs <= 0) return false;
      const fromMs = Date.now() - windowMs;
      if (sinceMs > fromMs) return true;
      const key = keyOf(repository, digest);
      for (const [index, { keys, repositories }] of buckets)
        if ((index + 1) * widthMs > fromMs && (keys.has(key) || repositories.has(repository))) return true;
      return false;
    },
    removing: async (repository, digests, work) => {
      const done = Promise.withResolvers<void>();
      const keys = digests.map((digest) => keyOf(repository, digest));
      for (const key of keys) leaving.set(key, done.promise);
      try {
        return await work();
      } finally {
        for (const key of keys) if (leaving.get(key) === done.promise) leaving.delete(key);
        done.resolve();
      }
    },
    configure: (windowMs) => {
      // What was promised longer ago than the window so far may be forgotten.
      if (windowMs > longestMs) sinceMs = Math.max(sinceMs, Date.now());
      longestMs = windowMs;
    },
    toText: () =>
      JSON.stringify({
        sinceMs,
        widthMs,
        buckets: [...buckets].map(([index, { keys, repositories }]) => [index, [...keys], [...repositories]]),
      } satisfies Remembered),
  };
};
