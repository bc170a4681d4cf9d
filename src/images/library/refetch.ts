import { toLadeError } from '#errors';
import { parseReference, repositoryName, type Descriptor, type Digest, type Reference } from '#oci';
import type { ImageRecord, Lease } from '#store';
import type { Context } from './context.ts';
import { isWhole, keepWith, manifestsOf, type StoredManifest } from './image-manifest.ts';
import { liesElsewhere } from './stored-tree.ts';
import type { Cancellable } from './types.ts';

/** Repositories that the image was pulled from or pushed to, one reference each. */
const sourcesOf = (context: Context, record: ImageRecord): readonly Reference[] => {
  const references = context.store.images
    .references(record.id)
    .filter(({ kind }) => kind === 'digest')
    .map(({ reference }) => parseReference(reference, { defaultTag: false }));
  return [...new Map(references.map((reference) => [repositoryName(reference), reference])).values()];
};

interface Refetch extends Cancellable {
  readonly lease: Lease;
}

const fetchFrom = async (
  context: Context,
  source: Reference,
  descriptor: Descriptor,
  { lease, signal }: Refetch,
): Promise<void> => {
  await lease.protect('blob', descriptor.digest);
  const client = context.registryClientFor(undefined);
  const repository = client.repository(source);
  try {
    await context.downloads.fetch({ descriptor, repository, signal }).finished;
  } finally {
    void context.downloads.released(repository).then(() => client[Symbol.asyncDispose]());
  }
};

/** Tries one repository after the other; whether one gave it. */
const fetchAny = async (
  context: Context,
  sources: readonly Reference[],
  descriptor: Descriptor,
  refetch: Refetch,
): Promise<boolean> => {
  for (const source of sources) {
    try {
      await fetchFrom(context, source, descriptor, refetch);
      return true;
    } catch (error) {
      refetch.signal?.throwIfAborted();
      toLadeError(error);
    }
  }
  return false;
};

const absentLayers = (context: Context, { manifest }: StoredManifest): readonly Descriptor[] =>
  manifest.layers.filter(
    (layer) => context.store.blobs.stat(layer.digest) === undefined && !liesElsewhere(layer),
  );

/**
 * Fetches the compressed layers again that were let go for space, so that the image has the bytes that it came with.
 * Where no registry gives them, the image stays without them: it is saved uncompressed, and pushed compressed anew.
 */
export const refetchLayers = async (
  context: Context,
  record: ImageRecord,
  refetch: Refetch,
): Promise<boolean> => {
  const manifests = await manifestsOf(context, record);
  const [first] = manifests;
  if (first === undefined || manifests.some((stored) => isWhole(context, stored))) return true;
  const sources = sourcesOf(context, record);
  for (const layer of absentLayers(context, first)) {
    if (!(await fetchAny(context, sources, layer, refetch))) return false;
    await keepWith(context, record, { blobs: [layer.digest] });
    const diffId = record.diffIds[first.manifest.layers.indexOf(layer)];
    if (diffId !== undefined) await context.store.images.linkLayerBlob(diffId, layer);
  }
  return true;
};

/** A manifest or a configuration. */
export type Document =
  | { readonly kind: 'manifest'; readonly digest: Digest }
  | { readonly kind: 'blob'; readonly descriptor: Descriptor };

/** Fetches a document of an image from where the image came from or went to; whether one gave it. */
export const fetchDocument = async (
  context: Context,
  record: ImageRecord,
  document: Document,
  refetch: Refetch,
): Promise<boolean> => {
  const sources = sourcesOf(context, record);
  if (document.kind === 'blob') return await fetchAny(context, sources, document.descriptor, refetch);
  for (const source of sources) {
    await using client = context.registryClientFor(undefined);
    try {
      const { bytes } = await client.repository(source).manifest(document.digest, refetch);
      await context.store.blobs.put(bytes, { lease: refetch.lease, digest: document.digest });
      return true;
    } catch (error) {
      refetch.signal?.throwIfAborted();
      toLadeError(error);
    }
  }
  return false;
};

/** Repositories of all images that have this content. */
const sourcesOfContent = async (context: Context, digest: Digest): Promise<readonly Reference[]> => {
  const found: Reference[] = [];
  for (const record of context.store.images.list()) {
    const named = [record.id, ...record.manifests.map((link) => link.digest)];
    const { blobs } = context.store.images.content(record.id);
    if (named.includes(digest) || blobs.includes(digest)) found.push(...sourcesOf(context, record));
  }
  return found;
};

const isManifest = (context: Context, digest: Digest): boolean =>
  context.store.images
    .list()
    .some(
      (record) =>
        record.manifests.some((link) => link.digest === digest) ||
        context.store.images.targetsOf(record.id).includes(digest),
    );

/** Replaces what is stored under a digest by what a registry gives for it; false when none gave it. */
export const refetchContent = async (
  context: Context,
  digest: Digest,
  { signal }: Cancellable = {},
): Promise<boolean> => {
  const size = context.store.blobs.stat(digest)?.size;
  if (size === undefined) return false;
  for (const source of await sourcesOfContent(context, digest)) {
    await using client = context.registryClientFor(undefined);
    const repository = client.repository(source);
    try {
      const content = isManifest(context, digest)
        ? [(await repository.manifest(digest, { signal })).bytes]
        : (await repository.blob(digest, { size, signal })).stream;
      await context.store.blobs.replace(digest, content);
      return true;
    } catch (error) {
      signal?.throwIfAborted();
      toLadeError(error);
    }
  }
  return false;
};
