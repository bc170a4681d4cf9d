import type { RemoteRepository } from '#distribution';
import type { Emit } from '#events';
import {
  asImageId,
  canonicalString,
  familiarString,
  parseReference,
  withDigest,
  type Descriptor,
  type DiffId,
  type Reference,
} from '#oci';
import type { ImageRecord, Lease } from '#store';
import { allOrAbort } from './all-or-abort.ts';
import { announce, type Context } from './context.ts';
import { describedBy } from './create-image.ts';
import { isTransient, RESUME_MS } from './downloads.ts';
import { fetchImage, type RemoteImage } from './fetch-image.ts';
import { fetchLayer, type LayerFetch } from './fetch-layer.ts';
import { storedReference } from './lookup.ts';
import type { ImageView, LibraryEvent, PullRequest } from './types.ts';

/** Each layer once, although an image may have one several times. */
const distinctLayers = (image: RemoteImage) => {
  const { diffIds } = image.config.rootfs;
  const pairs = new Map<DiffId, { descriptor: Descriptor; below: readonly DiffId[] }>();
  for (const [index, descriptor] of image.manifest.layers.entries()) {
    const diffId = diffIds[index];
    if (diffId !== undefined && !pairs.has(diffId))
      pairs.set(diffId, { descriptor, below: diffIds.slice(0, index) });
  }
  return [...pairs].map(([diffId, { descriptor, below }]) => ({ diffId, descriptor, below }));
};

const fetchLayers = async (context: Context, image: RemoteImage, fetch: LayerFetch): Promise<void> => {
  const layers = distinctLayers(image);
  await allOrAbort(
    layers.map((layer) => (signal) => fetchLayer(context, layer, { ...fetch, signal })),
    fetch.signal,
  );
  await context.layers.prepare(image.config.rootfs.diffIds);
};

/** The names that a pull gives: the digest, and the tag where one was asked for. */
const namesOf = (reference: Reference, digest: RemoteImage['top']['descriptor']['digest']) => ({
  tags: reference.tag === undefined || reference.digest !== undefined ? [] : [canonicalString(reference)],
  repoDigests: [canonicalString(withDigest(reference, digest))],
});

const record = async (context: Context, image: RemoteImage, reference: Reference): Promise<ImageRecord> => {
  const { store, layers } = context;
  const { config, manifest, top, links } = image;
  const blobs = manifest.layers.filter((layer) => store.blobs.stat(layer.digest) !== undefined);
  const stored = await store.images.put({
    id: asImageId(manifest.config.digest),
    ...describedBy(config),
    layers: config.rootfs.diffIds.map((diffId) => ({ diffId, size: layers.info(diffId)?.size ?? 0 })),
    manifests: links,
    blobs: blobs.map((blob) => blob.digest),
    ...namesOf(reference, top.descriptor.digest),
  });
  for (const [index, { digest, size, mediaType }] of manifest.layers.entries()) {
    const diffId = config.rootfs.diffIds[index];
    if (diffId === undefined || store.blobs.stat(digest) === undefined) continue;
    await store.images.linkLayerBlob(diffId, { digest, size, mediaType });
  }
  return stored;
};

interface Pull {
  readonly reference: Reference;
  readonly request: PullRequest;
  readonly lease: Lease;
  readonly emit: Emit<LibraryEvent>;
}

/** Uses a client for one pull; a transfer that others wait for keeps it beyond that. */
const withRepository = async <T>(
  context: Context,
  { reference, request }: Pull,
  use: (repository: RemoteRepository) => Promise<T>,
): Promise<T> => {
  const client = context.registryClientFor(request.auth);
  const repository = client.repository(reference);
  try {
    return await use(repository);
  } finally {
    void context.downloads.released(repository).then(() => client[Symbol.asyncDispose]());
  }
};

const pullFrom = async (context: Context, pull: Pull, repository: RemoteRepository): Promise<ImageView> => {
  const { reference, request, lease, emit } = pull;
  const { platform, signal } = request;
  emit({ kind: 'status', message: `Pulling from ${reference.path}`, id: reference.tag ?? reference.digest });
  const image = await fetchImage(context, { repository, lease, platform, signal });
  const before = context.store.images.byReference(storedReference(reference));
  await fetchLayers(context, image, { repository, lease, signal, emit });
  const stored = await record(context, image, reference);
  emit({ kind: 'status', message: `Digest: ${image.top.descriptor.digest}` });
  const news = before?.id === stored.id ? 'Image is up to date for' : 'Downloaded newer image for';
  emit({ kind: 'status', message: `Status: ${news} ${familiarString(reference)}` });
  return context.lookup.view(stored);
};

/** After a failure; the caller learns what went wrong first, not what this met. */
const clearUp = async (context: Context, lease: Lease): Promise<void> => {
  await lease[Symbol.asyncDispose]();
  await context.collect();
};

/**
 * `docker pull`. What arrived before a failure that may pass is kept for a day and taken up by the next pull; after
 * any other failure nothing is left.
 */
export const pullImage = async (
  context: Context,
  request: PullRequest,
  emit: Emit<LibraryEvent>,
): Promise<ImageView> => {
  const reference = parseReference(request.reference);
  const shown = familiarString(reference);
  const lease = await context.store.leases.create({ label: `pull ${shown}`, ttlMs: RESUME_MS });
  try {
    const pull = { reference, request, lease, emit };
    const view = await withRepository(context, pull, (repository) => pullFrom(context, pull, repository));
    announce(context, 'pull', shown, shown);
    await lease[Symbol.asyncDispose]();
    return view;
  } catch (error) {
    if (isTransient(error)) lease.detach();
    await clearUp(context, lease).catch(() => undefined);
    throw error;
  }
};
