/** Lets many work side by side, or one alone. */
interface Gate {
  /** Works beside other `shared` work; waits for work that is alone or waits to be. */
  shared<T>(work: () => Promise<T>): Promise<T>;
  /** Waits for everything that began before, and holds up what comes later. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

export const createGate = (): Gate => {
  const inside = new Set<Promise<unknown>>();
  let last: Promise<unknown> = Promise.resolve();
  return {
    async shared(work) {
      await last;
      const job = work();
      inside.add(job);
      try {
        return await job;
      } finally {
        inside.delete(job);
      }
    },
    alone(work) {
      const before = last;
      const job = (async () => {
        await before;
        await Promise.allSettled(inside);
        return await work();
      })();
      last = job.catch(() => undefined);
      return job;
    },
  };
};
