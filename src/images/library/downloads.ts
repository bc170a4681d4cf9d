import { isLadeError, toLadeError } from '#errors';
import type { Descriptor, Digest } from '#oci';
import type { RemoteRepository } from '#distribution';
import type { GrowingFile } from '#layers';
import type { BlobInfo, ImageStore, Ingest, Lease } from '#store';
import { createLimit, type Limit } from './limit.ts';
import { writeGathered } from './write-gathered.ts';

/** How long a partial download waits to be taken up again. */
export const RESUME_MS = 24 * 60 * 60 * 1000;

const PARALLEL = 4;
const UNPACKED_AT_ONCE = 3;

export interface DownloadRequest {
  readonly descriptor: Descriptor;
  readonly repository: RemoteRepository;
  readonly signal?: AbortSignal | undefined;
  /** Bytes present so far. */
  readonly onProgress?: ((current: number) => void) | undefined;
}

/** A blob on its way. */
export interface Download {
  /** The file that grows; present once the transfer has begun. */
  readonly started: Promise<{ readonly path: string; readonly growing: GrowingFile }>;
  readonly finished: Promise<BlobInfo>;
}

/** Transfers of blobs, each content once at a time however many ask for it. */
export interface Downloads {
  /** Joins the transfer of this content or begins it. It goes on until the last who asked has given up. */
  fetch(request: DownloadRequest): Download;
  /** Bounds the layers that are unpacked at once: each keeps its list of files in memory. */
  readonly unpacking: Limit;
  /** Whether a new transfer would have to wait. */
  busy(): boolean;
  /** Ends what an earlier transfer of this content left to be resumed; false when there was nothing. */
  giveUp(digest: Digest): Promise<boolean>;
  /** Resolves when no transfer uses this repository any more; others may wait for what it began. */
  released(repository: RemoteRepository): Promise<void>;
}

/** Whether the same request may succeed later, so that what has come is worth keeping. */
export const isTransient = (error: unknown): boolean => {
  const { kind, code } = toLadeError(error);
  return ['unavailable', 'timeout', 'cancelled'].includes(kind) && !code.endsWith('_DISK_FULL');
};

interface Waiter {
  readonly beyond: number;
  readonly resolve: (value: number | 'end') => void;
  readonly reject: (reason: unknown) => void;
}

/** Lets readers wait for bytes. */
export class Growth implements GrowingFile {
  #written = 0;
  #ended = false;
  #failure: { readonly reason: unknown } | undefined;
  #waiters: Waiter[] = [];
  readonly listeners = new Set<(current: number) => void>();

  get written(): number {
    return this.#written;
  }

  available(beyond: number): Promise<number | 'end'> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ beyond, resolve, reject });
      this.#settle();
    });
  }

  advance(written: number): void {
    this.#written = written;
    for (const listener of this.listeners) listener(written);
    this.#settle();
  }

  end(): void {
    this.#ended = true;
    this.#settle();
  }

  fail(reason: unknown): void {
    this.#failure = { reason };
    this.#settle();
  }

  #settle(): void {
    this.#waiters = this.#waiters.filter((waiter) => !this.#answer(waiter));
  }

  #answer(waiter: Waiter): boolean {
    if (this.#failure !== undefined) waiter.reject(this.#failure.reason);
    else if (this.#written > waiter.beyond) waiter.resolve(this.#written);
    else if (this.#ended) waiter.resolve('end');
    else return false;
    return true;
  }
}

interface Transfer {
  readonly descriptor: Descriptor;
  readonly repository: RemoteRepository;
  readonly signal: AbortSignal;
  readonly growth: Growth;
}

/** Whether what came is worth keeping after this failure; after an abort its reason decides. */
const worthKeeping = ({ signal }: Transfer, error: unknown): boolean =>
  isTransient(signal.aborted ? signal.reason : error);

const receive = async (ingest: Ingest, transfer: Transfer): Promise<void> => {
  const { descriptor, repository, signal, growth } = transfer;
  const { digest, size, urls, data } = descriptor;
  growth.advance(ingest.offset);
  if (ingest.offset === size) return;
  if (data !== undefined) {
    if (ingest.offset > 0) await ingest.restart();
    await ingest.write(data);
    growth.advance(ingest.offset);
    return;
  }
  const blob = await repository.blob(digest, { start: ingest.offset, size, urls, signal });
  if (!blob.partial && ingest.offset > 0) await ingest.restart();
  await writeGathered(blob.chunks, async (piece) => {
    await ingest.write(piece);
    growth.advance(ingest.offset);
  });
};

/**
 * Receives into one ingest; what was resumed, or came from a mirror, and turns out wrong is fetched once more from its
 * beginning.
 */
const receiveVerified = async (
  open: () => Promise<Ingest>,
  transfer: Transfer,
  started: (path: string) => void,
) => {
  for (;;) {
    await using ingest = await open();
    const resumed = ingest.offset > 0;
    if (!resumed) started(ingest.path);
    try {
      await receive(ingest, transfer);
      started(ingest.path);
      transfer.growth.end();
      return await ingest.commit();
    } catch (error) {
      if (!worthKeeping(transfer, error)) await ingest.abort();
      if (!isLadeError(error, 'corrupt')) throw error;
      const another = await transfer.repository.distrust(transfer.descriptor.digest);
      if (!resumed && !another) throw error;
    }
  }
};

interface Job {
  readonly repository: RemoteRepository;
  readonly download: Download;
  readonly growth: Growth;
  readonly controller: AbortController;
  users: number;
}

/** Names a transfer's lease and its ingest. */
const labelOf = (digest: Digest): string => `download ${digest}`;

type Blobs = Pick<ImageStore, 'blobs' | 'leases'>;

const run = async (store: Blobs, transfer: Transfer, started: (path: string) => void): Promise<BlobInfo> => {
  const { digest, size } = transfer.descriptor;
  const lease: Lease = await store.leases.create({ label: labelOf(digest), ttlMs: RESUME_MS });
  const open = (): Promise<Ingest> =>
    store.blobs.ingest({ ref: labelOf(digest), lease, expected: { digest, size } });
  try {
    transfer.signal.throwIfAborted();
    return await receiveVerified(open, transfer, started);
  } catch (error) {
    if (worthKeeping(transfer, error)) lease.detach();
    transfer.growth.fail(error);
    throw error;
  } finally {
    await lease[Symbol.asyncDispose]();
  }
};

const observe = (promise: Promise<unknown>): void => void promise.catch(() => undefined);

/**
 * The outcome for one who waits. Who gives up while others wait is told at once; the last one to do so is told when
 * the transfer has cleared up.
 */
const outcome = async <T>(job: Job, promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return promise;
  const aborted = Promise.withResolvers<never>();
  observe(aborted.promise);
  const give = (): void => {
    if (!job.controller.signal.aborted) aborted.reject(signal.reason);
  };
  signal.addEventListener('abort', give, { once: true });
  if (signal.aborted) give();
  try {
    return await Promise.race([promise, aborted.promise]);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', give);
  }
};

export const createDownloads = (store: Blobs): Downloads => {
  const jobs = new Map<Digest, Job>();
  const all = new Set<Job>();
  const limit = createLimit(PARALLEL);

  const begin = (request: DownloadRequest, before: Promise<unknown>): Job => {
    const { descriptor, repository } = request;
    const controller = new AbortController();
    const growth = new Growth();
    const first = Promise.withResolvers<{ path: string; growing: GrowingFile }>();
    observe(first.promise);
    const transfer: Transfer = { descriptor, repository, signal: controller.signal, growth };
    const started = (path: string): void => first.resolve({ path, growing: growth });
    const finished = before.then(() =>
      limit(() => run(store, transfer, started), { weight: descriptor.size }),
    );
    const job: Job = {
      repository,
      download: { started: first.promise, finished },
      growth,
      controller,
      users: 0,
    };
    jobs.set(descriptor.digest, job);
    all.add(job);
    const end = (): void => {
      all.delete(job);
      if (jobs.get(descriptor.digest) === job) jobs.delete(descriptor.digest);
    };
    observe(finished.catch((error: unknown) => first.reject(error)).finally(end));
    return job;
  };

  /** A transfer that everybody has left is not joined; a new one follows it. */
  const joinable = (request: DownloadRequest): Job => {
    const known = jobs.get(request.descriptor.digest);
    if (known !== undefined && !known.controller.signal.aborted) return known;
    return begin(
      request,
      (known?.download.finished ?? Promise.resolve()).catch(() => undefined),
    );
  };

  const leave = (job: Job, reason: unknown): void => {
    job.users -= 1;
    if (job.users === 0) job.controller.abort(reason);
  };

  const join = (job: Job, { signal, onProgress }: DownloadRequest): Download => {
    job.users += 1;
    const done = new AbortController();
    const giveUp = (): void => leave(job, signal?.reason);
    signal?.addEventListener('abort', giveUp, { once: true, signal: done.signal });
    if (signal?.aborted === true) giveUp();
    const listener = (current: number): void => onProgress?.(current);
    job.growth.listeners.add(listener);
    const end = (): void => {
      done.abort();
      job.growth.listeners.delete(listener);
    };
    const started = outcome(job, job.download.started, signal);
    const finished = outcome(job, job.download.finished, signal).finally(end);
    observe(started);
    observe(finished);
    return { started, finished };
  };

  return {
    fetch: (request) => join(joinable(request), request),
    unpacking: createLimit(UNPACKED_AT_ONCE),
    busy: () => limit.busy(),
    giveUp: (digest) => store.leases.giveUp(labelOf(digest)),
    async released(repository) {
      const own = [...all].filter((job) => job.repository === repository);
      await Promise.allSettled(own.map((job) => job.download.finished));
    },
  };
};
