import { Worker } from 'node:worker_threads';
import { workErrors } from './errors.ts';
import {
  CANCEL_CELL,
  SHARED_BYTES,
  unpackError,
  type PoolMessage,
  type ThreadMessage,
} from './job-messages.ts';
import type { RunOptions } from './types.ts';

/** One accepted call of `run`. */
export interface Job<Req, Res> {
  readonly id: number;
  readonly request: Req;
  readonly options: RunOptions;
  readonly resolve: (result: Res) => void;
  readonly reject: (error: unknown) => void;
}

export interface PoolThread<Req, Res> {
  /** Jobs the thread still works on, those whose caller gave up included. */
  readonly load: () => number;
  start(job: Job<Req, Res>): void;
  cancel(id: number): void;
  end(): Promise<void>;
}

export interface PoolThreadOptions {
  readonly url: URL;
  readonly name: string;
  readonly idleMs: number;
  /** Called after each finished job. */
  readonly onFree: () => void;
  /** Called once, when the thread is gone. */
  readonly onEnd: () => void;
}

const startWorker = (options: PoolThreadOptions, shared: SharedArrayBuffer): Worker =>
  new Worker(options.url, {
    name: options.name,
    workerData: { shared },
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
    execArgv: [],
  });

/** A thread with the jobs given to it; it ends by itself after `idleMs` without any. */
export const createPoolThread = <Req, Res>(options: PoolThreadOptions): PoolThread<Req, Res> => {
  const shared = new SharedArrayBuffer(SHARED_BYTES);
  const cancels = new Int32Array(shared);
  const worker = startWorker(options, shared);
  const jobs = new Map<number, Job<Req, Res>>();
  let failure = 'it exited';
  let idle: NodeJS.Timeout | undefined;

  const rest = (): void => {
    worker.unref();
    idle = setTimeout(() => void worker.terminate(), options.idleMs);
    idle.unref();
  };
  const settle = (message: ThreadMessage<Res>): void => {
    const job = jobs.get(message.id);
    jobs.delete(message.id);
    if (message.kind === 'done') job?.resolve(message.result);
    else job?.reject(unpackError(message.error));
    options.onFree();
    if (jobs.size === 0) rest();
  };
  worker.on('message', settle);
  worker.on('error', (error) => (failure = error instanceof Error ? error.message : String(error)));
  worker.on('exit', () => {
    clearTimeout(idle);
    for (const job of jobs.values())
      job.reject(workErrors.workerEnded({ name: options.name, message: failure }));
    jobs.clear();
    options.onEnd();
  });

  return {
    load: () => jobs.size,
    start(job) {
      clearTimeout(idle);
      worker.ref();
      jobs.set(job.id, job);
      const message: PoolMessage<Req> = { kind: 'run', id: job.id, request: job.request };
      worker.postMessage(message, job.options.transfer ?? []);
    },
    cancel(id) {
      if (!jobs.has(id)) return;
      Atomics.add(cancels, CANCEL_CELL, 1);
      worker.postMessage({ kind: 'cancel', id } satisfies PoolMessage<Req>, []);
    },
    end: async () => void (await worker.terminate()),
  };
};
