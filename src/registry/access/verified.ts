import { createHmac, randomBytes } from 'node:crypto';

/** Credentials proved before, so that the same ones need no hash again. */
export interface Verified {
  has(name: string, password: string, hash: string): boolean;
  add(name: string, password: string, hash: string): void;
}

const MAX_VERIFIED = 1_000;

/**
 * Remembers proved credentials by a fingerprint under a key of this process. The stored hash is part of it, so that a
 * changed password is another credential. The oldest go first.
 */
export const createVerified = (): Verified => {
  const key = randomBytes(32);
  const known = new Set<string>();
  const fingerprint = (...parts: readonly string[]): string =>
    createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64');
  return {
    has: (name, password, hash) => known.has(fingerprint(name, password, hash)),
    add: (name, password, hash) => {
      const [oldest] = known;
      if (known.size >= MAX_VERIFIED && oldest !== undefined) known.delete(oldest);
      known.add(fingerprint(name, password, hash));
    },
  };
};
