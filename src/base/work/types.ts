import type { Transferable } from 'node:worker_threads';

export interface WorkerPoolOptions {
  readonly url: URL;
  /** Most threads at once; they start when work waits and end after `idleMs` without any. */
  readonly size: number;
  /** Thread name in diagnostics. */
  readonly name: string;
  /** Jobs one thread interleaves; 1 unless the handler mostly waits. */
  readonly jobsPerWorker?: number | undefined;
  /** Jobs one thread is given before another starts; 1 unless given. For jobs so small that a thread costs more. */
  readonly crowd?: number | undefined;
  /** Milliseconds after which an idle thread ends; 5,000 unless given. */
  readonly idleMs?: number | undefined;
}

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  readonly transfer?: readonly Transferable[] | undefined;
  /** How much work it is beside other jobs of the pool; threads that share jobs get about the same. 1 unless given. */
  readonly weight?: number | undefined;
}

export interface WorkerPool<Req, Res> extends AsyncDisposable {
  /**
   * Runs one job; starts in the order of the calls. An abort rejects at once with `cancelled` and tells the job; a
   * LadeError thrown in the thread arrives as the same LadeError.
   */
  run(request: Req, options?: RunOptions): Promise<Res>;
}

export interface JobContext {
  /** Fires when the caller gave up. */
  readonly signal: AbortSignal;
  /** The same for synchronous loops, which no event can reach. */
  cancelled(): boolean;
}

export type HashAlgorithm = 'sha256' | 'sha512';

export interface HashOptions {
  readonly algorithm?: HashAlgorithm | undefined;
  /** First byte, 0 unless given. */
  readonly start?: number | undefined;
  /** Byte after the last one; the end of the file unless given. */
  readonly end?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FollowOptions {
  readonly algorithm?: HashAlgorithm | undefined;
}

/** Hashes a file in a worker thread while it is being written, by reading it again from the page cache. */
export interface FileFollower extends AsyncDisposable {
  /** Tells how many bytes from the start of the file have been written. Never decreases. */
  advance(totalBytesWritten: number): void;
  /** The hex digest of exactly the first `totalBytes` bytes. */
  finish(totalBytes: number): Promise<string>;
  /** Stops; a pending `finish` rejects with `cancelled`. Idempotent. */
  abort(): void;
}
