import { createWorkerPool } from './worker-pool.ts';
import { workerUrl } from './worker-url.ts';
import type { HashRequest } from './hash-protocol.ts';
import type { WorkerPool } from './types.ts';

let pool: WorkerPool<HashRequest, string> | undefined;

/** The process's hashing threads: at most two, each serving several files that still grow. */
export const hashPool = (): WorkerPool<HashRequest, string> => {
  pool ??= createWorkerPool<HashRequest, string>({
    url: workerUrl(import.meta.url, 'hash.worker'),
    size: 2,
    jobsPerWorker: 32,
    crowd: 4,
    name: 'hash',
  });
  return pool;
};
