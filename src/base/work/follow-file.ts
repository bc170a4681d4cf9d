import { hashPool } from './hash-pool.ts';
import { END_CELL, FOLLOW_BYTES, NEWS_CELL, WRITTEN_CELL } from './hash-protocol.ts';
import type { FileFollower, FollowOptions } from './types.ts';

/**
 * Starts to hash `path`, which exists and is being written from its start, in a worker thread.
 *
 * The writer tells how far it is, only numbers cross the threads. A follower must be finished, aborted or disposed.
 */
export const followFile = (path: string, options: FollowOptions = {}): FileFollower => {
  const shared = new SharedArrayBuffer(FOLLOW_BYTES);
  const cells = new BigInt64Array(shared);
  Atomics.store(cells, END_CELL, -1n);
  const controller = new AbortController();
  const { algorithm = 'sha256' } = options;
  const digest = hashPool().run({ kind: 'follow', path, algorithm, shared }, { signal: controller.signal });
  digest.catch(() => undefined);

  const tell = (): void => {
    Atomics.add(cells, NEWS_CELL, 1n);
    Atomics.notify(cells, NEWS_CELL);
  };
  const advance = (total: number): void => {
    if (BigInt(total) <= Atomics.load(cells, WRITTEN_CELL)) return;
    Atomics.store(cells, WRITTEN_CELL, BigInt(total));
    tell();
  };
  const abort = (): void => {
    controller.abort();
    tell();
  };
  return {
    advance,
    finish(total) {
      Atomics.store(cells, END_CELL, BigInt(total));
      advance(total);
      tell();
      return digest;
    },
    abort,
    async [Symbol.asyncDispose]() {
      abort();
      await digest.catch(() => undefined);
    },
  };
};
