/** Runs one task at a time for each key, in the order they came. */
export type KeyedLock = <T>(key: string, task: () => Promise<T>) => Promise<T>;

/** Serialises making and deleting of the same content inside this process, which is the only one on the root. */
export const createKeyedLock = (): KeyedLock => {
  const tails = new Map<string, Promise<unknown>>();
  return async (key, task) => {
    const before = tails.get(key) ?? Promise.resolve();
    const own = before.then(task, task);
    tails.set(key, own);
    try {
      return await own;
    } finally {
      if (tails.get(key) === own) tails.delete(key);
    }
  };
};
