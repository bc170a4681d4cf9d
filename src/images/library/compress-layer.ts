import { open, type FileHandle } from 'node:fs/promises';
import { layerCompression, type DiffId, type LayerCompression } from '#oci';
import type { Ingest, LayerBlob, Lease } from '#store';
import { COMPRESSORS, MEMBER_BYTES, ociLayerType } from './compression.ts';
import type { Context } from './context.ts';

/** Members being compressed at once, on the threads of libuv. */
const IN_FLIGHT = 4;

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
 * A file, compressed in members of 1 MiB each, which are valid together, and of which each is a point to start reading
 * at. Size, level and header are fixed: the same bytes give the same result.
 */
export async function* compressedMembers(
  path: string,
  signal?: AbortSignal,
  compression: LayerCompression = 'gzip',
): AsyncGenerator<Buffer, void, undefined> {
  const inFlight: Promise<Buffer>[] = [];
  const compress = COMPRESSORS[compression];
  for await (const slice of slices(path, signal)) {
    const member = compress(slice);
    member.catch(() => undefined);
    inFlight.push(member);
    const next = inFlight.length >= IN_FLIGHT ? inFlight.shift() : undefined;
    if (next !== undefined) yield await next;
  }
  for (const member of inFlight) yield await member;
}

/** Writes a file, compressed so. */
export const compressInto = async (
  ingest: Ingest,
  path: string,
  { signal, compression }: CompressOptions = {},
): Promise<void> => {
  for await (const member of compressedMembers(path, signal, compression)) await ingest.write(member);
};

interface CompressOptions {
  readonly signal?: AbortSignal | undefined;
  /** gzip unless given. */
  readonly compression?: LayerCompression | undefined;
}

export interface LayerFormOptions extends CompressOptions {
  readonly lease: Lease;
  /** A form that is stored counts only when it is compressed in this way. */
  readonly strict?: boolean | undefined;
}

/** The stored form of a layer that suits best, protected. */
const knownForm = async (
  { store }: Context,
  diffId: DiffId,
  { lease, compression = 'gzip', strict }: LayerFormOptions,
): Promise<LayerBlob | undefined> => {
  const isWanted = (blob: LayerBlob): boolean => layerCompression(blob.mediaType) === compression;
  const known = store.images.layerBlobs(diffId);
  const others = strict === true ? [] : known.filter((blob) => !isWanted(blob));
  for (const blob of [...known.filter(isWanted), ...others]) {
    await lease.protect('blob', blob.digest);
    if (store.blobs.stat(blob.digest) !== undefined) return blob;
  }
  return undefined;
};

const compressOnce = async (
  context: Context,
  diffId: DiffId,
  options: LayerFormOptions,
): Promise<LayerBlob> => {
  const { store, layers } = context;
  const { lease, compression = 'gzip' } = options;
  const known = await knownForm(context, diffId, options);
  if (known !== undefined) return known;
  await lease.protect('layer', diffId);
  await using ingest = await store.blobs.ingest({ ref: `compress ${diffId} ${compression}`, lease });
  if (ingest.offset > 0) await ingest.restart();
  const info = await compressInto(ingest, layers.tarPath(diffId), options).then(
    () => ingest.commit(),
    async (error: unknown) => {
      await ingest.abort();
      throw error;
    },
  );
  const blob = { ...info, mediaType: ociLayerType(compression) };
  await store.images.linkLayerBlob(diffId, blob);
  return blob;
};

/** The compressed form of a layer: one that is stored, or a new one that is stored from now on. */
export const compressedLayer: typeof compressOnce = (context, diffId, options) =>
  context.compressions(`${diffId} ${options.compression ?? 'gzip'}`, () =>
    compressOnce(context, diffId, options),
  );
