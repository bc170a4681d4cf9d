/** Runs work for a key once at a time: who asks meanwhile gets the same outcome. */
export type SingleFlight<T> = (key: string, work: () => Promise<T>) => Promise<T>;

export const createSingleFlight = <T>(): SingleFlight<T> => {
  const running = new Map<string, Promise<T>>();
  return (key, work) => {
    const found = running.get(key);
    if (found !== undefined) return found;
    const made = work().finally(() => running.delete(key));
    running.set(key, made);
    return made;
  };
};

/** A few values that are true for a while; the oldest goes first. */
export interface Remembered<T> {
  get(key: string): T | undefined;
  set(key: string, value: T, forMs: number): void;
  delete(key: string): void;
}

export const createRemembered = <T>(most: number): Remembered<T> => {
  const entries = new Map<string, { readonly value: T; readonly untilMs: number }>();
  return {
    get: (key) => {
      const found = entries.get(key);
      if (found === undefined || found.untilMs > Date.now()) return found?.value;
      entries.delete(key);
      return undefined;
    },
    set: (key, value, forMs) => {
      entries.delete(key);
      entries.set(key, { value, untilMs: Date.now() + forMs });
      const [oldest] = entries.keys();
      if (entries.size > most && oldest !== undefined) entries.delete(oldest);
    },
    delete: (key) => void entries.delete(key),
  };
};
