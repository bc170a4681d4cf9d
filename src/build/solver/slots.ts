/** Lets at most `count` holders work at once; the others wait in their order. */
export interface Slots {
  /** Waits for a slot and runs `work` in it. Rejects without running it when `signal` aborts first. */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

export const createSlots = (count: number): Slots => {
  let free = count;
  const waiting: (() => void)[] = [];
  const release = (): void => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };
  const acquire = async (): Promise<void> => {
    if (free > 0) {
      free -= 1;
      return;
    }
    await new Promise<void>((resolve) => void waiting.push(resolve));
  };
  return {
    async run(signal, work) {
      await acquire();
      try {
        signal.throwIfAborted();
        return await work();
      } finally {
        release();
      }
    },
  };
};
