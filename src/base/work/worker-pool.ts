import { workErrors } from './errors.ts';
import { createPoolThread, type Job, type PoolThread } from './pool-thread.ts';
import type { RunOptions, WorkerPool, WorkerPoolOptions } from './types.ts';

const DEFAULT_IDLE_MS = 5000;

interface PoolState<Req, Res> {
  readonly options: WorkerPoolOptions;
  readonly threads: Set<PoolThread<Req, Res>>;
  readonly queue: Job<Req, Res>[];
  lastId: number;
  closed: boolean;
}

const addThread = <Req, Res>(state: PoolState<Req, Res>): PoolThread<Req, Res> => {
  const { url, name, idleMs = DEFAULT_IDLE_MS } = state.options;
  const thread: PoolThread<Req, Res> = createPoolThread<Req, Res>({
    url,
    name,
    idleMs,
    onFree: () => dispatch(state),
    onEnd: () => {
      state.threads.delete(thread);
      if (!state.closed) dispatch(state);
    },
  });
  state.threads.add(thread);
  return thread;
};

/** The least busy thread that may take one more job; a new one before any is crowded. */
const freeThread = <Req, Res>(state: PoolState<Req, Res>): PoolThread<Req, Res> | undefined => {
  const { size, crowd = 1, jobsPerWorker = 1 } = state.options;
  const usable = [...state.threads].filter((thread) => !thread.ending());
  const [first] = usable
    .filter((thread) => thread.load() < jobsPerWorker)
    .sort((a, b) => a.weight() - b.weight() || a.load() - b.load());
  if (first !== undefined && first.load() < crowd) return first;
  return usable.length < size ? addThread(state) : first;
};

const dispatch = <Req, Res>(state: PoolState<Req, Res>): void => {
  while (state.queue.length > 0) {
    const thread = freeThread(state);
    if (thread === undefined) return;
    const job = state.queue.shift();
    if (job !== undefined) start(thread, job, state.options.name);
  }
};

const start = <Req, Res>(thread: PoolThread<Req, Res>, job: Job<Req, Res>, name: string): void => {
  const { signal } = job.options;
  const cancel = (): void => {
    thread.cancel(job.id);
    job.reject(workErrors.cancelled({ name }));
  };
  const done = (): void => signal?.removeEventListener('abort', cancel);
  signal?.addEventListener('abort', cancel, { once: true });
  thread.start({
    ...job,
    resolve: (result) => {
      done();
      job.resolve(result);
    },
    reject: (error) => {
      done();
      job.reject(error);
    },
  });
};

const enqueue = <Req, Res>(state: PoolState<Req, Res>, request: Req, options: RunOptions): Promise<Res> =>
  new Promise((resolve, reject) => {
    const { name } = state.options;
    if (state.closed) return reject(workErrors.closed({ name }));
    if (options.signal?.aborted === true) return reject(workErrors.cancelled({ name }));
    const forget = (): void => options.signal?.removeEventListener('abort', giveUp);
    const job: Job<Req, Res> = {
      id: ++state.lastId,
      request,
      options,
      resolve(result) {
        forget();
        resolve(result);
      },
      reject(error) {
        forget();
        reject(error);
      },
    };
    const giveUp = (): void => {
      const at = state.queue.indexOf(job);
      if (at !== -1) state.queue.splice(at, 1);
      reject(workErrors.cancelled({ name }));
    };
    options.signal?.addEventListener('abort', giveUp, { once: true });
    state.queue.push(job);
    dispatch(state);
  });

/** A pool of threads that run `serveJobs`; none exists before the first job. */
export const createWorkerPool = <Req, Res>(options: WorkerPoolOptions): WorkerPool<Req, Res> => {
  const state: PoolState<Req, Res> = { options, threads: new Set(), queue: [], lastId: 0, closed: false };
  return {
    run: (request, runOptions = {}) => enqueue(state, request, runOptions),
    async [Symbol.asyncDispose]() {
      state.closed = true;
      for (const job of state.queue.splice(0)) job.reject(workErrors.closed({ name: options.name }));
      await Promise.all([...state.threads].map((thread) => thread.end()));
    },
  };
};
