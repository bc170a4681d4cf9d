/** How a cache is held: beside others, or alone. */
export type Hold = 'shared' | 'alone';

/** Who may use what at a time; first come, first served. */
export interface CacheLocks {
  /** Waits until `key` is free for this use. The result lets it go. */
  acquire(key: string, hold: Hold, signal?: AbortSignal): Promise<() => void>;
  /** Takes it at once or not at all. */
  tryAcquire(key: string, hold: Hold): (() => void) | undefined;
  /** How many use it now. */
  users(key: string): number;
}

interface Waiter {
  readonly hold: Hold;
  readonly grant: () => void;
}

interface Lock {
  shared: number;
  alone: boolean;
  readonly queue: Waiter[];
}

export const createCacheLocks = (): CacheLocks => {
  const locks = new Map<string, Lock>();
  const lockOf = (key: string): Lock => {
    const lock = locks.get(key) ?? { shared: 0, alone: false, queue: [] };
    locks.set(key, lock);
    return lock;
  };
  const isFree = (lock: Lock, hold: Hold): boolean => !lock.alone && (hold === 'shared' || lock.shared === 0);
  const serve = (key: string, lock: Lock): void => {
    for (let next = lock.queue[0]; next !== undefined && isFree(lock, next.hold); next = lock.queue[0]) {
      lock.queue.shift();
      next.grant();
    }
    if (!lock.alone && lock.shared === 0 && lock.queue.length === 0) locks.delete(key);
  };
  const take = (key: string, lock: Lock, hold: Hold): (() => void) => {
    if (hold === 'alone') lock.alone = true;
    else lock.shared += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (hold === 'alone') lock.alone = false;
      else lock.shared -= 1;
      serve(key, lock);
    };
  };
  const tryAcquire = (key: string, hold: Hold): (() => void) | undefined => {
    const lock = locks.get(key);
    if (lock !== undefined && (lock.queue.length > 0 || !isFree(lock, hold))) return undefined;
    return take(key, lockOf(key), hold);
  };
  return {
    tryAcquire,
    acquire(key, hold, signal) {
      signal?.throwIfAborted();
      const now = tryAcquire(key, hold);
      if (now !== undefined) return Promise.resolve(now);
      const lock = lockOf(key);
      return new Promise((resolve, reject) => {
        const onAbort = (): void => {
          lock.queue.splice(lock.queue.indexOf(waiter), 1);
          serve(key, lock);
          reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
        };
        const waiter: Waiter = {
          hold,
          grant: () => {
            signal?.removeEventListener('abort', onAbort);
            resolve(take(key, lock, hold));
          },
        };
        lock.queue.push(waiter);
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
    users: (key) => {
      const lock = locks.get(key);
      return lock === undefined ? 0 : lock.shared + (lock.alone ? 1 : 0);
    },
  };
};
