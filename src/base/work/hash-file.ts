import { hashPool } from './hash-pool.ts';
import type { HashOptions } from './types.ts';

/** Hex digest of a file or a part of it, computed in a worker thread; a missing byte is a `corrupt` error. */
export const hashFile = (path: string | Uint8Array, options: HashOptions = {}): Promise<string> => {
  const { algorithm = 'sha256', start = 0, end, signal } = options;
  return hashPool().run({ kind: 'range', path, algorithm, start, end }, { signal });
};
