import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { span } from '#events';
import { databaseErrors } from './errors.ts';
import { failureError } from './failures.ts';
import type { WriteAnswer, WriteRequest, WriterData } from './protocol.ts';
import type { Statement, StatementResult } from './types.ts';

/** Transactions that may share one commit: bounds how long a group holds the lock. */
const MOST_IN_GROUP = 500;

interface Pending {
  readonly statements: readonly Statement[];
  readonly durable: boolean;
  readonly resolve: (results: readonly StatementResult[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface Writer {
  /** Resolves when the statements are committed, and when `durable`, also written back. */
  write(statements: readonly Statement[], durable: boolean): Promise<readonly StatementResult[]>;
  /** Waits for everything accepted, then ends the thread. */
  close(): Promise<void>;
}

interface State {
  readonly path: string;
  readonly url: URL;
  readonly reserveBytes: number | undefined;
  readonly queue: Pending[];
  inFlight: Pending[];
  worker: Worker | undefined;
  closed: boolean;
  lastId: number;
  drained: (() => void)[];
}

const endWorker = async (state: State): Promise<void> => {
  const { worker } = state;
  state.worker = undefined;
  if (worker === undefined) return;
  worker.removeAllListeners('exit');
  worker.ref();
  const exited = once(worker, 'exit');
  worker.postMessage('close', []);
  await exited;
};

const rest = (state: State): void => {
  for (const drained of state.drained.splice(0)) drained();
  state.worker?.unref();
};

const settle = (state: State, answer: WriteAnswer): void => {
  const group = state.inFlight;
  state.inFlight = [];
  for (const [index, pending] of group.entries()) {
    const outcome = answer.outcomes[index];
    if (outcome?.kind === 'committed') pending.resolve(outcome.results);
    else if (outcome !== undefined) pending.reject(failureError(outcome.failure, state.path));
  }
  if (state.queue.length > 0) send(state);
  else rest(state);
};

const fail = (state: State, message: string): void => {
  state.worker = undefined;
  const lost = [...state.inFlight, ...state.queue.splice(0)];
  state.inFlight = [];
  for (const pending of lost) pending.reject(databaseErrors.writerStopped({ message }));
  rest(state);
};

const startWorker = (state: State): Worker => {
  const worker = new Worker(state.url, {
    name: 'database',
    workerData: { path: state.path, reserveBytes: state.reserveBytes } satisfies WriterData,
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
    execArgv: [],
  });
  let message = 'it exited';
  worker.on('message', (answer: WriteAnswer) => settle(state, answer));
  worker.on('error', (error) => (message = error instanceof Error ? error.message : String(error)));
  worker.on('exit', () => fail(state, message));
  return worker;
};

/** Sends what waits as one group; a group is in flight until it is committed, and durable if one of it has to be. */
const send = (state: State): void => {
  state.worker ??= startWorker(state);
  state.worker.ref();
  state.inFlight = state.queue.splice(0, MOST_IN_GROUP);
  const transactions = state.inFlight.map((pending) => pending.statements);
  const durable = state.inFlight.some((pending) => pending.durable);
  state.worker.postMessage({ id: ++state.lastId, transactions, durable } satisfies WriteRequest, []);
};

/** A group starts when the turn of its first transaction is over, so that all calls of one turn share a commit. */
const sendIfIdle = (state: State): void => {
  if (state.inFlight.length === 0 && state.queue.length > 0) send(state);
};

const enqueue = (
  state: State,
  statements: readonly Statement[],
  durable: boolean,
): Promise<readonly StatementResult[]> =>
  new Promise((resolve, reject) => {
    if (state.closed) return reject(databaseErrors.closed({ path: state.path }));
    state.queue.push({ statements, durable, resolve, reject });
    if (state.inFlight.length === 0) setImmediate(() => sendIfIdle(state));
  });

/**
 * The one writer of the database at `path`: a thread that is there from the beginning to the end. It takes 5 MB, but
 * whoever writes first would wait 30 ms for it, and several times that on a busy machine.
 */
export const createWriter = (path: string, url: URL, reserveBytes?: number): Writer => {
  const state: State = {
    path,
    url,
    reserveBytes,
    queue: [],
    inFlight: [],
    worker: undefined,
    closed: false,
    lastId: 0,
    drained: [],
  };
  state.worker = startWorker(state);
  state.worker.unref();
  return {
    write: (statements, durable) => span('write database', '', () => enqueue(state, statements, durable)),
    async close() {
      state.closed = true;
      if (state.inFlight.length > 0 || state.queue.length > 0)
        await new Promise<void>((resolve) => state.drained.push(resolve));
      await endWorker(state);
    },
  };
};
