import { formatTimeNs } from '#runtime';

let last = 0n;

/** Nanoseconds since 1970 UTC; each call gives a later time than the one before. */
export const nowNs = (): bigint => {
  const now = BigInt(Date.now()) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n);
  last = now > last ? now : last + 1n;
  return last;
};

/** Now in RFC 3339 with nanoseconds. */
export const nowText = (): string => formatTimeNs(nowNs());

/** What Docker writes for a time that never was. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';
