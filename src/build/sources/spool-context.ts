import type { BigIntStats } from 'node:fs';
import type { Readable } from 'node:stream';
import { createWorkerPool, workerUrl, type WorkerPool } from '#work';
import { inodeDigest, type InodeDigests } from './inode-digests.ts';
import { DEFAULT_LIMITS, type SourceLimits } from './remote-limits.ts';
import { serveStream } from './spool-port.ts';
import type { SpoolJob } from './spool-request.ts';

/** A context that arrived as an archive, written to a private directory. */
interface Spooled {
  /** Hex sha256 of the file with these stats; undefined where it is not remembered, as of sparse files. */
  digest(stats: BigIntStats): string | undefined;
}

interface SpoolRequest {
  readonly stream: Readable;
  /** An empty private directory. */
  readonly root: string;
  readonly limits?: SourceLimits | undefined;
  readonly signal: AbortSignal;
}

let pool: WorkerPool<SpoolJob, InodeDigests> | undefined;

/** Contexts mostly wait for those who send them, so that a thread takes many. */
const spoolPool = (): WorkerPool<SpoolJob, InodeDigests> => {
  pool ??= createWorkerPool<SpoolJob, InodeDigests>({
    url: workerUrl(import.meta.url, 'spool.worker'),
    size: 2,
    jobsPerWorker: 64,
    name: 'spool',
  });
  return pool;
};

/**
 * Writes an archive's files below `root`, in a thread. Nothing is written outside, whatever the archive says; memory
 * stays bounded. Once it settles, nothing is written any more; the stream is left open when it fails.
 *
 * @throws `SOURCES_UNSAFE_CONTEXT`, `SOURCES_TOO_LARGE`, the tar room's errors for what is no archive
 */
export const spoolContext = async ({
  stream,
  root,
  limits = DEFAULT_LIMITS,
  signal,
}: SpoolRequest): Promise<Spooled> => {
  signal.throwIfAborted();
  using source = serveStream(stream);
  const { port } = source;
  // The thread must be done with the directory before anybody removes it: it is told by the port, and waited for.
  const stop = (): void => source[Symbol.dispose]();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const table = await spoolPool().run({ port, root, limits }, { transfer: [port] });
    return { digest: (stats) => inodeDigest(table, stats) };
  } catch (error) {
    signal.throwIfAborted();
    throw source.failure === undefined ? error : source.failure.reason;
  } finally {
    signal.removeEventListener('abort', stop);
  }
};
