export { workerUrl } from './worker-url.ts';
export { createWorkerPool } from './worker-pool.ts';
export { serveJobs, type JobHandler } from './serve-jobs.ts';
export { hashFile } from './hash-file.ts';
export { followFile } from './follow-file.ts';
export { workErrors } from './errors.ts';
export type {
  FileFollower,
  FollowOptions,
  HashAlgorithm,
  HashOptions,
  JobContext,
  RunOptions,
  WorkerPool,
  WorkerPoolOptions,
} from './types.ts';
