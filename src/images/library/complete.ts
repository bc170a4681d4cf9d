import { layerCompression, type Digest, type DiffId, type ImageId } from '#oci';
import type { ImageRecord, Lease } from '#store';
import { compressedMembers } from './compress-layer.ts';
import type { Context } from './context.ts';
import { manifestsOf } from './image-manifest.ts';
import { fetchDocument, refetchLayers } from './refetch.ts';
import type { Cancellable } from './types.ts';

/** Records that an image keeps these blobs; the configuration is not needed for it. */
const keep = async ({ store }: Context, record: ImageRecord, blobs: readonly Digest[]): Promise<void> => {
  const { id, kind, platform, created, parent, labels, size, unpacked } = record;
  const layers = record.diffIds.map((diffId, index) => ({ diffId, size: record.layerSizes[index] ?? 0 }));
  await store.images.put({ id, kind, platform, created, parent, labels, size, unpacked, layers, blobs });
};

const fetchDocuments = async (
  context: Context,
  record: ImageRecord,
  refetch: Cancellable & { readonly lease: Lease },
): Promise<boolean> => {
  const { blobs } = context.store;
  const absent = record.manifests.filter(({ digest }) => blobs.stat(digest) === undefined);
  for (const { digest } of absent)
    if (!(await fetchDocument(context, record, { kind: 'manifest', digest }, refetch))) return false;
  if (absent.length > 0 && blobs.stat(record.id) !== undefined)
    await keep(
      context,
      record,
      absent.map(({ digest }) => digest),
    );
  if (blobs.stat(record.id) !== undefined) return true;
  const known = (await manifestsOf(context, record)).find(
    ({ manifest }) => manifest.config.digest === record.id,
  );
  if (known === undefined) return false;
  if (!(await fetchDocument(context, record, { kind: 'blob', descriptor: known.manifest.config }, refetch)))
    return false;
  await keep(
    context,
    record,
    absent.map(({ digest }) => digest),
  );
  return true;
};

/** Unpacks layers whose files are gone, from their blobs. */
const unpackMissing = async (context: Context, record: ImageRecord, lease: Lease): Promise<boolean> => {
  for (const [index, diffId] of record.diffIds.entries()) {
    if (context.layers.info(diffId) !== undefined) continue;
    const blob = context.store.images
      .layerBlobs(diffId)
      .find(({ mediaType }) => layerCompression(mediaType) !== undefined);
    if (blob === undefined) return false;
    const path = context.store.blobs.path(blob.digest);
    const below = record.diffIds.slice(0, index);
    await context.layers.unpack(
      { kind: 'file', path, compression: 'auto' },
      { below, expected: diffId, lease },
    );
  }
  return true;
};

/** Fetches and makes again what an image lacks; whether it is whole then. */
export const completeImage = async (
  context: Context,
  id: ImageId,
  { signal }: Cancellable = {},
): Promise<boolean> => {
  const record = context.store.images.get(id);
  if (record === undefined) return false;
  await using lease = await context.store.leases.create({ label: `repair ${id}` });
  const refetch = { lease, signal };
  if (!(await fetchDocuments(context, record, refetch))) return false;
  const lacking = record.diffIds.some(
    (diffId) =>
      context.layers.info(diffId) === undefined && context.store.images.layerBlobs(diffId).length === 0,
  );
  if (lacking && !(await refetchLayers(context, record, refetch))) return false;
  return await unpackMissing(context, record, lease);
};

/** Fetches compressed layers that were let go; whether all are there then. */
export const fetchLayersOf = async (
  context: Context,
  id: ImageId,
  { signal }: Cancellable = {},
): Promise<boolean> => {
  const record = context.store.images.get(id);
  if (record === undefined) return false;
  await using lease = await context.store.leases.create({ label: `fetch layers of ${id}` });
  return await refetchLayers(context, record, { lease, signal });
};

/** Makes the blob of a layer from its tar, where it was made here the same way before. */
export const recompress = async (
  context: Context,
  { diffId, digest }: { readonly diffId: DiffId; readonly digest: Digest },
  { signal }: Cancellable = {},
): Promise<boolean> => {
  if (context.layers.info(diffId) === undefined) return false;
  try {
    await context.store.blobs.replace(digest, compressedMembers(context.layers.tarPath(diffId), signal));
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
};
