import { createWorkerPool, workerUrl } from '#work';

/** A whole and verified file, and where it is to be. */
export interface Publication {
  readonly from: string;
  readonly to: string;
}

/** For each one of a group what went wrong, if anything did. */
export type PublishedGroup = readonly (
  | { readonly message: string; readonly code: string | undefined }
  | undefined
)[];

export interface Publisher extends AsyncDisposable {
  /** Moves the file, with its content and its name durable when it resolves. `from` is gone then. */
  publish(publication: Publication): Promise<void>;
}

/** Milliseconds that the thread is kept without work. */
const IDLE_MS = 30_000;
const MOST_IN_GROUP = 256;

interface Pending extends Publication {
  readonly settle: (failure: unknown) => void;
}

const errorOf = (failure: NonNullable<PublishedGroup[number]>): Error =>
  Object.assign(new Error(failure.message), { code: failure.code });

/**
 * Publishes on a thread, in groups: all that came while the last group was written back waits for the disk together.
 */
export const createPublisher = (): Publisher => {
  const pool = createWorkerPool<readonly Publication[], PublishedGroup>({
    url: workerUrl(import.meta.url, 'publish.worker'),
    size: 1,
    name: 'publish',
    idleMs: IDLE_MS,
  });
  const waiting: Pending[] = [];
  let running = false;

  const runGroup = async (group: readonly Pending[]): Promise<void> => {
    try {
      const results = await pool.run(group.map(({ from, to }) => ({ from, to })));
      for (const [index, { settle }] of group.entries()) {
        const failure = results[index];
        settle(failure === undefined ? undefined : errorOf(failure));
      }
    } catch (error) {
      for (const { settle } of group) settle(error);
    }
  };

  const runAll = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0) await runGroup(waiting.splice(0, MOST_IN_GROUP));
    running = false;
  };

  return {
    publish: (publication) =>
      new Promise((resolve, reject) => {
        const settle = (failure: unknown): void => (failure === undefined ? resolve() : reject(failure));
        waiting.push({ ...publication, settle });
        // All of one turn go together.
        if (!running && waiting.length === 1) setImmediate(() => void runAll());
      }),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
};
