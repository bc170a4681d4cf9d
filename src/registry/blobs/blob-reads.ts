import { open, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Digest } from '#oci';
import { createBytesCache } from './bytes-cache.ts';
import { blobErrors } from './errors.ts';
import { orMissing, type Layout } from './layout.ts';
import type { BlobContent, BlobDriver, ByteRange, UploadReader } from './types.ts';

/** Read as a whole up to here; larger ones are not worth their memory. */
const WHOLE_BYTES = 256 * 1024;
/** Kept in memory up to here: configurations and the like. */
const KEPT_BYTES = 32 * 1024;
const CACHE_BYTES = 8 * 1024 * 1024;
const READ_CHUNK = 256 * 1024;

const nothing = async (): Promise<void> => undefined;

const bytesContent = (bytes: Uint8Array): BlobContent => ({
  kind: 'bytes',
  bytes,
  [Symbol.asyncDispose]: nothing,
});

const within = (range: ByteRange | undefined, size: number): ByteRange => {
  const { start, end } = range ?? { start: 0, end: size };
  return { start: Math.min(start, size), end: Math.max(start, Math.min(end, size)) };
};

const readWhole = async (handle: FileHandle, { start, end }: ByteRange): Promise<Buffer> => {
  const bytes = Buffer.allocUnsafeSlow(end - start);
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done);
    if (bytesRead === 0) throw new Error('the file is shorter than its status said');
    done += bytesRead;
  }
  return bytes;
};

/** Reads what an upload has, while it grows. */
export const openReader = async (path: string): Promise<UploadReader> => {
  const handle = await open(path, 'r');
  return {
    read: async (position, length) => {
      const buffer = Buffer.allocUnsafe(length);
      const { bytesRead } = await handle.read(buffer, 0, length, position);
      return buffer.subarray(0, bytesRead);
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
};

interface BlobReads extends Pick<BlobDriver, 'open' | 'read'> {
  /** To be called once the blob is gone. */
  forget(digest: Digest): void;
}

/** Reads blobs of the file driver; small ones that are asked for again come from memory. */
export const createBlobReads = (layout: Layout): BlobReads => {
  const cache = createBytesCache(CACHE_BYTES);
  /** Counts what was forgotten: what was read before may be of a blob that is gone. */
  let forgotten = 0;

  const openFile = async (
    handle: FileHandle,
    range: ByteRange | undefined,
    keep: (whole: Buffer) => void,
  ): Promise<BlobContent> => {
    const { size } = await handle.stat();
    const region = within(range, size);
    if (size <= KEPT_BYTES) {
      const whole = await readWhole(handle, { start: 0, end: size });
      keep(whole);
      return bytesContent(whole.subarray(region.start, region.end));
    }
    if (region.end - region.start <= WHOLE_BYTES) return bytesContent(await readWhole(handle, region));
    const { fd } = handle;
    return { kind: 'region', region: { fd, ...region }, [Symbol.asyncDispose]: () => handle.close() };
  };

  const openBlob = async (digest: Digest, range?: ByteRange): Promise<BlobContent> => {
    const kept = cache.get(digest);
    if (kept !== undefined) {
      const { start, end } = within(range, kept.length);
      return bytesContent(kept.subarray(start, end));
    }
    const before = forgotten;
    const keep = (whole: Buffer): void => {
      if (before === forgotten) cache.set(digest, whole);
    };
    const handle = await orMissing(open(layout.blob(digest), 'r'));
    if (handle === undefined) throw blobErrors.unknown({ digest });
    let content: BlobContent | undefined;
    try {
      content = await openFile(handle, range, keep);
      return content;
    } finally {
      if (content?.kind !== 'region') await handle.close();
    }
  };

  const streamBlob = async (digest: Digest, range?: ByteRange): Promise<Readable> => {
    const handle = await orMissing(open(layout.blob(digest), 'r'));
    if (handle === undefined) throw blobErrors.unknown({ digest });
    if (range !== undefined && range.end <= range.start) {
      await handle.close();
      return Readable.from([]);
    }
    const bounds = range === undefined ? {} : { start: range.start, end: range.end - 1 };
    return handle.createReadStream({ ...bounds, highWaterMark: READ_CHUNK });
  };

  return {
    open: openBlob,
    read: streamBlob,
    forget: (digest) => {
      forgotten += 1;
      cache.delete(digest);
    },
  };
};
