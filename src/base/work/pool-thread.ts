import { Worker } from 'node:worker_threads';
import type { LadeError } from '#errors';
import { workErrors } from './errors.ts';
import {
  CANCEL_CELL,
  END_CELL,
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
  /** What those jobs weigh together. */
  readonly weight: () => number;
  /** It takes no more jobs. */
  readonly ending: () => boolean;
  start(job: Job<Req, Res>): void;
  cancel(id: number): void;
  /** Rejects what it works on with `closed`; resolves when the thread is gone. */
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

/** A job that neither waits nor looks whether it is cancelled for so long is stopped where it is. */
const MOST_END_MS = 5000;

const startWorker = (options: PoolThreadOptions, shared: SharedArrayBuffer): Worker =>
  new Worker(options.url, {
    name: options.name,
    workerData: { shared },
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
    execArgv: [],
  });

/**
 * Lets the thread end itself between two turns of its event loop. `terminate` would stop it anywhere, also inside a
 * native addon: one that is being loaded then (koffi, by the first call of #sys) ends the whole process.
 */
const endWorker = async (worker: Worker, cells: Int32Array): Promise<void> => {
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  Atomics.store(cells, END_CELL, 1);
  worker.postMessage({ kind: 'end' } satisfies PoolMessage<never>, []);
  const timer = setTimeout(() => void worker.terminate(), MOST_END_MS);
  timer.unref();
  await exited;
  clearTimeout(timer);
};

/** A thread with the jobs given to it; it ends by itself after `idleMs` without any. */
export const createPoolThread = <Req, Res>(options: PoolThreadOptions): PoolThread<Req, Res> => {
  const shared = new SharedArrayBuffer(SHARED_BYTES);
  const cells = new Int32Array(shared);
  const worker = startWorker(options, shared);
  const jobs = new Map<number, Job<Req, Res>>();
  let failure = 'it exited';
  let idle: NodeJS.Timeout | undefined;
  let ended: Promise<void> | undefined;

  const end = (): Promise<void> => {
    clearTimeout(idle);
    ended ??= endWorker(worker, cells);
    return ended;
  };
  const rejectAll = (error: LadeError): void => {
    for (const job of jobs.values()) job.reject(error);
    jobs.clear();
  };
  const rest = (): void => {
    worker.unref();
    idle = setTimeout(() => void end(), options.idleMs);
    idle.unref();
  };
  const settle = (message: ThreadMessage<Res>): void => {
    const job = jobs.get(message.id);
    jobs.delete(message.id);
    if (message.kind === 'done') job?.resolve(message.result);
    else job?.reject(unpackError(message.error));
    options.onFree();
    if (jobs.size === 0 && ended === undefined) rest();
  };
  worker.on('message', settle);
  worker.on('error', (error) => (failure = error instanceof Error ? error.message : String(error)));
  worker.on('exit', () => {
    clearTimeout(idle);
    rejectAll(workErrors.workerEnded({ name: options.name, message: failure }));
    options.onEnd();
  });

  return {
    load: () => jobs.size,
    weight: () => [...jobs.values()].reduce((sum, { options: { weight = 1 } }) => sum + weight, 0),
    ending: () => ended !== undefined,
    start(job) {
      clearTimeout(idle);
      worker.ref();
      jobs.set(job.id, job);
      const message: PoolMessage<Req> = { kind: 'run', id: job.id, request: job.request };
      worker.postMessage(message, job.options.transfer ?? []);
    },
    cancel(id) {
      if (!jobs.has(id)) return;
      Atomics.add(cells, CANCEL_CELL, 1);
      worker.postMessage({ kind: 'cancel', id } satisfies PoolMessage<Req>, []);
    },
    end() {
      rejectAll(workErrors.closed({ name: options.name }));
      worker.ref();
      return end();
    },
  };
};
