import { open, type FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { MEDIA_TYPES, type DiffId } from '#oci';
import type { Ingest, LayerBlob, Lease } from '#store';
import type { Context } from './context.ts';

const MEMBER_BYTES = 1024 * 1024;
/** More memory for the window makes it faster; room for a whole member saves the way to the threads and back. */
const SETTINGS = { level: 4, memLevel: 9, chunkSize: MEMBER_BYTES };
/** Members being compressed at once, on the threads of libuv. */
const IN_FLIGHT = 4;

const compressMember = promisify((bytes: Buffer, done: (error: Error | null, result: Buffer) => void) =>
  gzip(bytes, SETTINGS, done),
);

/** Slices of a file; a file without bytes is one empty slice. */
async function* slices(
  path: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  await using handle = await open(path, 'r');
  for (let position = 0; ; position += MEMBER_BYTES) {
    signal?.throwIfAborted();
    const buffer = Buffer.allocUnsafe(MEMBER_BYTES);
    const length = await readFully(handle, buffer, position);
    if (length > 0 || position === 0) yield buffer.subarray(0, length);
    if (length < MEMBER_BYTES) return;
  }
}

const readFully = async (handle: FileHandle, buffer: Buffer, position: number) => {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
};

/**
 * A file as gzip in members of 1 MiB each, which are valid gzip together, and of which each is a point to start reading
 * at. Size, level and header are fixed: the same bytes give the same result.
 */
export async function* compressedMembers(
  path: string,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const inFlight: Promise<Buffer>[] = [];
  for await (const slice of slices(path, signal)) {
    const member = compressMember(slice);
    member.catch(() => undefined);
    inFlight.push(member);
    const next = inFlight.length >= IN_FLIGHT ? inFlight.shift() : undefined;
    if (next !== undefined) yield await next;
  }
  for (const member of inFlight) yield await member;
}

/** Writes a file, compressed so. */
export const compressInto = async (ingest: Ingest, path: string, signal?: AbortSignal): Promise<void> => {
  for await (const member of compressedMembers(path, signal)) await ingest.write(member);
};

const compressOnce = async (
  context: Context,
  diffId: DiffId,
  options: { readonly lease: Lease; readonly signal?: AbortSignal | undefined },
): Promise<LayerBlob> => {
  const { store, layers } = context;
  const [known] = store.images.layerBlobs(diffId);
  if (known !== undefined) {
    await options.lease.protect('blob', known.digest);
    if (store.blobs.stat(known.digest) !== undefined) return known;
  }
  await options.lease.protect('layer', diffId);
  await using ingest = await store.blobs.ingest({ ref: `compress ${diffId}`, lease: options.lease });
  if (ingest.offset > 0) await ingest.restart();
  const info = await compressInto(ingest, layers.tarPath(diffId), options.signal).then(
    () => ingest.commit(),
    async (error: unknown) => {
      await ingest.abort();
      throw error;
    },
  );
  const blob = { ...info, mediaType: MEDIA_TYPES.ociLayerGzip };
  await store.images.linkLayerBlob(diffId, blob);
  return blob;
};

/** The compressed form of a layer: the one stored, or a new one that is stored from now on. */
export const compressedLayer: typeof compressOnce = (context, diffId, options) =>
  context.compressions(diffId, () => compressOnce(context, diffId, options));
