/** One piece of work at a time for each key, in the order of the calls. */
export interface KeyedLocks {
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
}

export const createKeyedLocks = (): KeyedLocks => {
  const last = new Map<string, Promise<unknown>>();
  return {
    run: async (key, work) => {
      const before = last.get(key) ?? Promise.resolve();
      const own = before.then(work, work);
      const settled = own.catch(() => undefined);
      last.set(key, settled);
      try {
        return await own;
      } finally {
        if (last.get(key) === settled) last.delete(key);
      }
    },
  };
};
