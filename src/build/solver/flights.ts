/** What is being carried out, by key, by all solves of one process: none of it is carried out twice at once. */
export interface Flights {
  /** Settles when the work called `key` has ended, however it did; undefined when there is none. */
  underway(key: string): Promise<void> | undefined;
  /** Says that work under `key` begins; disposed at its end. */
  begin(key: string): Disposable;
}

export const createFlights = (): Flights => {
  const flights = new Map<string, Promise<void>>();
  return {
    underway: (key) => flights.get(key),
    begin(key) {
      const { promise, resolve } = Promise.withResolvers<void>();
      flights.set(key, promise);
      return {
        [Symbol.dispose]() {
          if (flights.get(key) === promise) flights.delete(key);
          resolve();
        },
      };
    },
  };
};
