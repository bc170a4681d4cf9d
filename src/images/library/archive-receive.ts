import { randomUUID } from 'node:crypto';
import type { GrowingFile } from '#layers';
import { asDiffId, type Digest, type DiffId } from '#oci';
import type { Ingest, Lease } from '#store';
import type { ArchiveEntry } from './archive-entries.ts';
import type { Context } from './context.ts';
import { Growth } from './downloads.ts';

export interface Receiving {
  readonly lease: Lease;
  readonly signal?: AbortSignal | undefined;
  /** Told how much of the file came. */
  readonly onLayer: (current: number) => void;
}

/** Content of an archive that is stored as it comes. */
export interface ReceivedFile {
  readonly path: string;
  /** What its name says of its bytes. */
  readonly promised: Digest | undefined;
  /** The layer that it is known to be. */
  readonly diffId: DiffId | undefined;
  readonly size: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** On its way into the store. */
export interface Received {
  /** The chunks were read; what comes after them may be read now. */
  readonly consumed: Promise<void>;
  readonly entry: Promise<ArchiveEntry>;
}

const atOnce = (entry: ArchiveEntry): Received => ({
  consumed: Promise.resolve(),
  entry: Promise.resolve(entry),
});

/** The chunks; tells when they end and remembers what reading them failed with. */
const watched = (chunks: AsyncIterable<Uint8Array>, onBytes: (current: number) => void) => {
  const failures: unknown[] = [];
  const end = Promise.withResolvers<void>();
  async function* pass(): AsyncGenerator<Uint8Array, void, undefined> {
    let current = 0;
    try {
      for await (const chunk of chunks) {
        current += chunk.length;
        onBytes(current);
        yield chunk;
      }
    } catch (error) {
      failures.push(error);
      throw error;
    } finally {
      end.resolve();
    }
  }
  return { stream: pass(), failures, end: end.promise };
};

/** Stores an uncompressed layer; one that is here already is not even read. */
export const storeLayer = async (
  context: Context,
  file: ReceivedFile,
  { lease, signal, onLayer }: Receiving,
): Promise<Received> => {
  const { promised, diffId } = file;
  if (promised?.startsWith('sha512:') === true) return storeBlob(context, file, { lease, signal, onLayer });
  const expected = diffId ?? (promised === undefined ? undefined : asDiffId(promised));
  if (expected !== undefined) {
    await lease.protect('layer', expected);
    if (context.layers.info(expected) !== undefined) return atOnce({ kind: 'layer', diffId: expected });
  }
  const { stream, failures, end } = watched(file.chunks, onLayer);
  const unpacked = context.layers.unpack(
    { kind: 'stream', stream, compression: 'none' },
    { expected, lease, signal },
  );
  const entry = unpacked.then(
    (info): ArchiveEntry => ({ kind: 'layer', diffId: info.diffId }),
    (error: unknown) => {
      throw failures[0] ?? error;
    },
  );
  return { consumed: end, entry };
};

/** Bytes that are written at once: a busy machine takes its time for each call. */
const PIECE = 1024 * 1024;

/** The same bytes in larger pieces, all in the same memory. */
async function* inPieces(
  chunks: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const piece = Buffer.allocUnsafe(Math.min(PIECE, size));
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + piece.length - filled);
      piece.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < piece.length) continue;
      yield piece;
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

const write = async (ingest: Ingest, file: ReceivedFile, growth: Growth, receiving: Receiving) => {
  for await (const chunk of inPieces(file.chunks, file.size)) {
    receiving.signal?.throwIfAborted();
    await ingest.write(chunk);
    growth.advance(ingest.offset);
    receiving.onLayer(ingest.offset);
  }
  growth.end();
};

/** Smaller blobs are unpacked once they are whole. */
const FOLLOW_BYTES = 1024 * 1024;

/** Unpacks while the blob still arrives; undefined when that failed, since whoever needs the layer tries again. */
const unpackGrowing = async (
  { layers }: Context,
  { diffId, size }: ReceivedFile,
  source: { readonly path: string; readonly growing: GrowingFile },
  { lease, signal }: Receiving,
): Promise<DiffId | undefined> => {
  if (diffId === undefined || size < FOLLOW_BYTES || layers.info(diffId) !== undefined) return undefined;
  try {
    const file = { kind: 'file', ...source, compression: 'auto' } as const;
    return (await layers.unpack(file, { expected: diffId, lease, signal })).diffId;
  } catch {
    return undefined;
  }
};

/** Stores a blob, and unpacks the layer that it is known to be while it comes. */
export const storeBlob = async (
  context: Context,
  file: ReceivedFile,
  receiving: Receiving,
): Promise<Received> => {
  const { store } = context;
  const { promised } = file;
  const { lease } = receiving;
  if (promised !== undefined) {
    await lease.protect('blob', promised);
    const known = store.blobs.stat(promised);
    if (known !== undefined) return atOnce({ kind: 'blob', ...known });
  }
  const ingest = await store.blobs.ingest({
    ref: `load ${randomUUID()}`,
    lease,
    expected: { digest: promised, size: file.size },
  });
  const growth = new Growth();
  // Whoever asks for bytes has the file open, and reads on when it is moved to its place.
  const opened = Promise.withResolvers<void>();
  const growing: GrowingFile = {
    available(beyond) {
      opened.resolve();
      return growth.available(beyond);
    },
  };
  const unpacking = unpackGrowing(context, file, { path: ingest.path, growing }, receiving);
  const written = write(ingest, file, growth, receiving);
  const entry = written.then(
    async (): Promise<ArchiveEntry> => {
      await Promise.race([opened.promise, unpacking]);
      const [blob] = await Promise.all([ingest.commit(), unpacking]);
      return { kind: 'blob', ...blob };
    },
    async (error: unknown) => {
      growth.fail(error);
      await unpacking;
      await ingest.abort();
      throw error;
    },
  );
  return { consumed: written.catch(() => undefined), entry };
};
