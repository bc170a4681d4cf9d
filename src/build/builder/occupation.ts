/** Tells work that uses what is shared from what removes it: neither begins in the middle of the other. */
export interface Occupation {
  readonly isBusy: () => boolean;
  /** Does something that uses what is shared; it waits while that is being removed. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** Removes what is shared, unless it is in use, which is decided at once. False: it is in use. */
  removing(remove: () => Promise<void>): Promise<boolean>;
}

export const createOccupation = (): Occupation => {
  let users = 0;
  let removal: Promise<void> = Promise.resolve();
  return {
    isBusy: () => users > 0,
    async during(work) {
      users += 1;
      try {
        // Whoever removes learns of it from what it called.
        await removal.catch(() => undefined);
        return await work();
      } finally {
        users -= 1;
      }
    },
    async removing(remove) {
      if (users > 0) return false;
      removal = Promise.allSettled([removal]).then(remove);
      await removal;
      return true;
    },
  };
};
