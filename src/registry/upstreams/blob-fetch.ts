import { once, EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { blobErrors, type ByteRange, type UploadReader } from '#blobs';
import type { FetchedBlob } from '#distribution';
import { systemErrors, toLadeError } from '#errors';
import { releaseChunk } from '#http';
import type { Cause } from '#metadata';
import { algorithmOf, type Digest } from '#oci';
import type { RegistryStorage } from '#protocol';
import { upstreamErrors } from './errors.ts';
import type { Place } from './manifests.ts';

/** The end of a blob is not shown before its digest is known to be right: nobody gets a wrong blob to its end. */
const HELD_BYTES = 64 * 1024;
const READ_BYTES = 256 * 1024;
/** What was written may be seen a moment later by who reads. */
const AGAIN_MS = 5;

/** A blob on its way from an upstream: stored once, shown to everybody who wants it while it comes. */
export interface BlobFetch {
  readonly digest: Digest;
  readonly place: Place;
  /** Resolves with the size when the upstream has begun to send; undefined when it has none. */
  readonly begun: Promise<number | undefined>;
  /** Resolves when the blob is linked, or there is none. */
  readonly finished: Promise<void>;
  /** Opens what comes; undefined when it is complete by now. */
  open(): Promise<UploadReader | undefined>;
  /** The bytes of a range as they come; fails when the fetch does. */
  follow(reader: UploadReader, range: ByteRange, signal: AbortSignal): AsyncGenerator<Buffer>;
  /** Links it to another repository as well, when it is complete. */
  linkTo(repository: string, cause: Cause): void;
  abort(): void;
}

export interface BlobFetchOptions {
  readonly storage: RegistryStorage;
  readonly digest: Digest;
  readonly place: Place;
  readonly cause: Cause;
  /** Bytes that a manifest says it has. */
  readonly size: number | undefined;
  /** An upload session that an earlier fetch of the same blob left half full. */
  readonly partial: string | undefined;
  /** The session that is left half full when it fails. */
  readonly onPartial: (id: string | undefined) => void;
}

interface Progress {
  readonly news: EventEmitter;
  size: number | undefined;
  written: number;
  upload: string | undefined;
  state: 'running' | 'done' | 'failed';
  error: unknown;
}

const visibleBytes = ({ size = 0, written, state }: Progress): number =>
  state === 'done' ? size : Math.min(written, Math.max(0, size - HELD_BYTES));

async function* follow(
  progress: Progress,
  reader: UploadReader,
  { range: { start, end }, signal }: { readonly range: ByteRange; readonly signal: AbortSignal },
): AsyncGenerator<Buffer> {
  for (let position = start; position < end;) {
    signal.throwIfAborted();
    const visible = Math.min(visibleBytes(progress), end);
    if (visible <= position) {
      if (progress.state === 'failed') throw progress.error;
      await once(progress.news, 'news', { signal });
      continue;
    }
    const bytes = await reader.read(position, Math.min(visible - position, READ_BYTES));
    if (bytes.length === 0) await sleep(AGAIN_MS, undefined, { signal });
    else yield bytes;
    position += bytes.length;
  }
}

/** Opens the blob at the upstream within its time; the transfer itself may take longer. */
const openRemote = (
  { place, digest, size }: BlobFetchOptions,
  { start, signal }: { readonly start: number; readonly signal: AbortSignal },
): Promise<FetchedBlob | undefined> =>
  place.upstream.ask(async (timeout) => {
    const opening = new AbortController();
    const late = (): void => opening.abort(timeout.reason);
    timeout.addEventListener('abort', late);
    try {
      const remote = place.upstream.repository(place.path);
      return await remote.blob(digest, { start, size, signal: AbortSignal.any([opening.signal, signal]) });
    } finally {
      timeout.removeEventListener('abort', late);
    }
  });

/** What is larger than all that may be kept is not begun. */
const requireFitting = ({ upstream }: Place, remote: FetchedBlob): void => {
  const { keepBytes } = upstream.settings;
  if (keepBytes === undefined || remote.size <= keepBytes) return;
  const reason = `a blob of ${remote.size} bytes is larger than keepBytes`;
  throw upstreamErrors.unavailable({ upstream: upstream.name, reason, retryAfterS: 60 });
};

/** The session to write to and where the upstream begins to send. */
const openBoth = async (options: BlobFetchOptions, signal: AbortSignal) => {
  const { storage, digest, place, partial } = options;
  const { blobs } = storage;
  const before = partial === undefined ? undefined : await blobs.upload(partial);
  const remote = await openRemote(options, { start: before?.size ?? 0, signal });
  if (remote === undefined) return undefined;
  try {
    requireFitting(place, remote);
    const isSame =
      before !== undefined && (before.size === 0 || remote.partial) && before.size <= remote.size;
    if (before !== undefined && !isSame) await blobs.removeUpload(before.id);
    const session = isSame ? before : await blobs.createUpload(place.repository, algorithmOf(digest));
    return { remote, session };
  } catch (error) {
    remote.stream.destroy();
    throw error;
  }
};

async function* counted(remote: FetchedBlob, progress: Progress, onBytes: (count: number) => void) {
  for await (const chunk of remote.chunks) {
    const { length } = chunk;
    yield chunk;
    progress.written += length;
    onBytes(length);
    progress.news.emit('news');
  }
}

const isGoneWrong = (error: unknown): boolean => blobErrors.digestInvalid.is(error);

/** Starts to fetch a blob; it goes on until it is complete, whoever still waits for it. */
export const startBlobFetch = (options: BlobFetchOptions): BlobFetch => {
  const { storage, digest, place, cause } = options;
  const { upstream } = place;
  const stop = new AbortController();
  const links: { readonly repository: string; readonly cause: Cause }[] = [];
  const progress: Progress = {
    news: new EventEmitter().setMaxListeners(0),
    size: undefined,
    written: 0,
    upload: undefined,
    state: 'running',
    error: undefined,
  };
  const begun = Promise.withResolvers<number | undefined>();
  begun.promise.catch(() => undefined);

  const link = async (size: number): Promise<void> => {
    const { contents } = storage.metadata;
    await contents.linkBlob({ repository: place.repository, digest, size, how: 'push', cause });
    for (const other of links) await contents.linkBlob({ ...other, digest, size, how: 'mount' });
  };

  const transfer = async (): Promise<void> => {
    const opened = await openBoth(options, stop.signal);
    if (opened === undefined) return begun.resolve(undefined);
    const { remote, session } = opened;
    Object.assign(progress, { size: remote.size, written: session.size, upload: session.id });
    options.onPartial(session.id);
    begun.resolve(remote.size);
    try {
      await storage.blobs.appendUpload(
        session.id,
        counted(remote, progress, (count) => (upstream.counters.fetchedBytes += count)),
        { used: releaseChunk },
      );
    } finally {
      remote.stream.destroy();
    }
    await storage.locks.run(digest, async () => {
      const { size } = await storage.blobs.commitUpload(session.id, digest);
      await link(size);
    });
    options.onPartial(undefined);
  };

  const fail = async (thrown: unknown): Promise<unknown> => {
    if (systemErrors.diskFull.is(toLadeError(thrown)) && progress.upload !== undefined) {
      options.onPartial(undefined);
      await storage.blobs.removeUpload(progress.upload).catch(() => undefined);
    }
    if (!isGoneWrong(thrown)) return upstream.failure(thrown);
    options.onPartial(undefined);
    const { message } = toLadeError(thrown);
    return upstream.failure(
      upstreamErrors.wrongContent({ upstream: upstream.name, reason: message, retryAfterS: 1 }, thrown),
    );
  };

  const run = async (): Promise<void> => {
    try {
      await transfer();
      progress.state = 'done';
    } catch (thrown) {
      progress.error = await fail(thrown);
      progress.state = 'failed';
      begun.reject(progress.error);
      throw progress.error;
    } finally {
      progress.news.emit('news');
    }
  };
  const finished = run();
  finished.catch(() => undefined);

  return {
    digest,
    place,
    begun: begun.promise,
    finished,
    open: async () => {
      if (progress.state !== 'running' || progress.upload === undefined) return undefined;
      try {
        return await storage.blobs.openUpload(progress.upload);
      } catch (error) {
        if (blobErrors.uploadUnknown.is(error)) return undefined;
        throw error;
      }
    },
    follow: (reader, range, signal) => follow(progress, reader, { range, signal }),
    linkTo: (repository, own) => void links.push({ repository, cause: own }),
    abort: () => stop.abort(),
  };
};
