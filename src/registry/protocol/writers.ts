import type { IncomingMessage } from 'node:http';

/** Which request writes to which upload session. */
export interface Writers {
  /**
   * Makes `request` the writer of a session. A client that lost its connection comes back before the registry has noticed:
   * the request that still hangs there is cut first, and what it brought is kept.
   */
  run<T>(id: string, request: IncomingMessage, work: () => Promise<T>): Promise<T>;
}

interface Writer {
  readonly request: IncomingMessage;
  readonly done: Promise<unknown>;
}

export const createWriters = (): Writers => {
  const writers = new Map<string, Writer>();
  return {
    run: async (id, request, work) => {
      for (let before = writers.get(id); before !== undefined; before = writers.get(id)) {
        before.request.destroy();
        await before.done;
      }
      const result = work();
      const writer = { request, done: result.catch(() => undefined) };
      writers.set(id, writer);
      try {
        return await result;
      } finally {
        if (writers.get(id) === writer) writers.delete(id);
      }
    },
  };
};
