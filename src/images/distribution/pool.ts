/** Runs work side by side, each key once. */
export type Pool<K, T> = (key: K, work: () => Promise<T>) => Promise<T>;

/** A pool with its own signal, which the first failure and the end of its use abort. */
export interface OwnedPool<K, T> extends AsyncDisposable {
  readonly run: Pool<K, T>;
  readonly signal: AbortSignal;
}

/** At most `parallel` at a time, in the order they come; disposing stops what still runs and waits for its end. */
export const createPool = <K, T>(parallel: number, outer: AbortSignal | undefined): OwnedPool<K, T> => {
  const controller = new AbortController();
  const signal = outer === undefined ? controller.signal : AbortSignal.any([outer, controller.signal]);
  const known = new Map<K, Promise<T>>();
  const waiting: (() => void)[] = [];
  let running = 0;

  const turn = async (): Promise<void> => {
    if (running >= parallel) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
  };
  const done = (): void => {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  };
  const runOne = async (work: () => Promise<T>): Promise<T> => {
    await turn();
    try {
      signal.throwIfAborted();
      return await work();
    } catch (error) {
      controller.abort(error);
      throw error;
    } finally {
      done();
    }
  };

  return {
    signal,
    run: (key, work) => {
      const found = known.get(key);
      if (found !== undefined) return found;
      const made = runOne(work);
      known.set(key, made);
      return made;
    },
    [Symbol.asyncDispose]: async () => {
      controller.abort();
      await Promise.allSettled(known.values());
    },
  };
};
