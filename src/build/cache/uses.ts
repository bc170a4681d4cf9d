/** What one build uses of the cache; disposed when it ends. */
export interface BuildUse extends Disposable {
  /** Keeps a result until the build ends; false when it is being removed. */
  take(key: string): boolean;
}

/** Which results running builds use, so that pruning leaves those alone. */
export interface CacheUses {
  open(): BuildUse;
  isUsed(key: string): boolean;
  /**
   * Removes results that no build uses now: from here on builds do not find them.
   *
   * @returns what `remove` returns, which gets those that are not in use
   */
  remove<T>(keys: readonly string[], remove: (free: readonly string[]) => Promise<T>): Promise<T>;
}

export const createCacheUses = (): CacheUses => {
  const builds = new Set<Set<string>>();
  const going = new Set<string>();
  const isUsed = (key: string): boolean => builds.values().some((used) => used.has(key));
  return {
    open() {
      const used = new Set<string>();
      builds.add(used);
      return {
        take(key) {
          if (going.has(key)) return false;
          used.add(key);
          return true;
        },
        [Symbol.dispose]: () => void builds.delete(used),
      };
    },
    isUsed,
    async remove(keys, remove) {
      const free = keys.filter((key) => !isUsed(key) && !going.has(key));
      for (const key of free) going.add(key);
      try {
        return await remove(free);
      } finally {
        for (const key of free) going.delete(key);
      }
    },
  };
};
