import type { MessagePort } from 'node:worker_threads';
import { createWorkerPool, workerUrl, type RunOptions } from '#work';
import type { ChangesRequest, CommitRequest } from './commit-job.ts';
import type { UsageRequest } from './disk-usage.ts';
import type { FormRequest } from './form.ts';
import type { StoredTar, UnpackRequest } from './unpack-job.ts';
import type { Change } from './types.ts';

/** What the worker threads of this room do. */
export type LayerJob =
  | ({ readonly kind: 'unpack' } & UnpackRequest)
  | ({ readonly kind: 'form' } & FormRequest)
  | ({ readonly kind: 'changes' } & ChangesRequest)
  | ({ readonly kind: 'commit' } & CommitRequest)
  | ({ readonly kind: 'usage' } & UsageRequest);

export type LayerJobResult = StoredTar | readonly Change[] | number | undefined;

/**
 * The jobs of a store. Long ones share two threads and take turns on them, so that one that waits for a download holds
 * up nobody; short ones have a thread of their own.
 */
export interface LayerJobs extends AsyncDisposable {
  unpack(
    request: UnpackRequest,
    options: Pick<RunOptions, 'signal' | 'weight'> & { ports: readonly MessagePort[] },
  ): Promise<StoredTar>;
  makeForm(request: FormRequest): Promise<void>;
  changes(request: ChangesRequest, signal?: AbortSignal): Promise<readonly Change[]>;
  commit(request: CommitRequest, signal?: AbortSignal): Promise<StoredTar | undefined>;
  /** Bytes of all files below a directory, each inode once. */
  usage(request: UsageRequest): Promise<number>;
}

export const createLayerJobs = (): LayerJobs => {
  const url = workerUrl(import.meta.url, 'layer.worker');
  const long = createWorkerPool<LayerJob, LayerJobResult>({
    url,
    size: 2,
    name: 'layers',
    jobsPerWorker: 16,
  });
  const short = createWorkerPool<LayerJob, LayerJobResult>({ url, size: 1, name: 'layers-short' });
  const run = async <T>(job: LayerJob, options: RunOptions = {}): Promise<T> => {
    return (await (job.kind === 'usage' ? short : long).run(job, options)) as T;
  };
  return {
    unpack: (request, { signal, ports, weight }) =>
      run({ kind: 'unpack', ...request }, { signal, weight, transfer: ports }),
    makeForm: (request) => run({ kind: 'form', ...request }),
    changes: (request, signal) => run({ kind: 'changes', ...request }, { signal }),
    commit: (request, signal) => run({ kind: 'commit', ...request }, { signal }),
    usage: (request) => run({ kind: 'usage', ...request }),
    async [Symbol.asyncDispose]() {
      await Promise.all([long[Symbol.asyncDispose](), short[Symbol.asyncDispose]()]);
    },
  };
};
