export interface LimitOptions {
  /** Of those that wait the heaviest goes first, so that a long task is not what remains at the end. */
  readonly weight?: number | undefined;
  /** Ends the wait; the reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** Runs at most so many tasks at once; the others wait, equal ones in order. */
export type Limit = <T>(task: () => Promise<T>, options?: LimitOptions) => Promise<T>;

interface Waiting {
  readonly weight: number;
  readonly go: () => void;
}

export const createLimit = (size: number): Limit & { readonly busy: () => boolean } => {
  let running = 0;
  const waiting = new Set<Waiting>();

  const wait = ({ weight = 0, signal }: LimitOptions): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const own: Waiting = { weight, go: resolve };
    const giveUp = (): void => {
      if (waiting.delete(own)) reject(signal?.reason);
    };
    waiting.add(own);
    if (signal?.aborted === true) giveUp();
    signal?.addEventListener('abort', giveUp, { once: true });
    return promise.finally(() => signal?.removeEventListener('abort', giveUp));
  };

  const heaviest = (): Waiting | undefined => {
    let found: Waiting | undefined;
    for (const one of waiting) if (found === undefined || one.weight > found.weight) found = one;
    return found;
  };

  const limit: Limit = async (task, options = {}) => {
    if (running >= size) await wait(options);
    else running += 1;
    try {
      return await task();
    } finally {
      const next = heaviest();
      if (next === undefined) running -= 1;
      else {
        waiting.delete(next);
        next.go();
      }
    }
  };
  return Object.assign(limit, { busy: () => running >= size });
};
