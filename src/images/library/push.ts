import type { RemoteRepository } from '#distribution';
import type { Emit } from '#events';
import {
  MEDIA_TYPES,
  canonicalString,
  familiarString,
  isForeignLayer,
  parseReference,
  repositoryName,
  shortId,
  withDigest,
  type Descriptor,
  type DiffId,
  type Digest,
  type Reference,
} from '#oci';
import type { ImageRecord, Lease } from '#store';
import { allOrAbort } from './all-or-abort.ts';
import { compressedLayer } from './compress-layer.ts';
import { announce, type Context } from './context.ts';
import { libraryErrors } from './errors.ts';
import { giveManifest, isWhole, keepWith, manifestsOf, type StoredManifest } from './image-manifest.ts';
import { createLimit, type Limit } from './limit.ts';
import { layerProgress, type LayerProgress } from './progress.ts';
import type { LibraryEvent, PushRequest } from './types.ts';

const PARALLEL_UPLOADS = 5;
/** Repositories of the same registry that are asked to share a layer. */
const MOUNT_SOURCES = 3;

interface Push {
  readonly record: ImageRecord;
  readonly reference: Reference;
  readonly repository: RemoteRepository;
  readonly lease: Lease;
  readonly signal?: AbortSignal | undefined;
  readonly emit: Emit<LibraryEvent>;
  readonly uploads: Limit;
  readonly compressions: Limit;
}

/** Other repositories of this registry that were pulled from or pushed to with this layer in an image. */
const mountSources = (context: Context, push: Push, diffId: DiffId): readonly string[] => {
  const { images } = context.store;
  const names = images
    .references()
    .filter((reference) => reference.kind === 'digest')
    .map((item) => ({ ...parseReference(item.reference, { defaultTag: false }), image: item.image }))
    .filter(({ domain, path }) => domain === push.reference.domain && path !== push.reference.path)
    .filter(({ image }) => images.get(image)?.diffIds.includes(diffId) === true)
    .map(({ path }) => path);
  return [...new Set(names)].slice(0, MOUNT_SOURCES);
};

const mounted = async (
  push: Push,
  digest: Digest,
  sources: readonly string[],
): Promise<string | undefined> => {
  for (const source of sources) {
    const result = await push.repository.mountBlob(digest, source, { signal: push.signal });
    if (result === 'mounted') return source;
  }
  return undefined;
};

const upload = async (
  context: Context,
  push: Push,
  descriptor: Descriptor,
  progress?: LayerProgress,
): Promise<void> => {
  const { digest, size } = descriptor;
  await push.repository.pushBlob({ digest, size }, () => context.store.blobs.stream(digest), {
    signal: push.signal,
    onProgress: (sent) => progress?.count('Pushing', sent, size),
  });
};

/** Makes the registry have one layer. */
const sendLayer = (context: Context, push: Push, diffId: DiffId, descriptor: Descriptor): Promise<void> =>
  push.uploads(async () => {
    const progress = layerProgress(push.emit, shortId(diffId));
    if (await push.repository.hasBlob(descriptor.digest, { signal: push.signal })) {
      progress.state('Layer already exists');
      return;
    }
    const source = await mounted(push, descriptor.digest, mountSources(context, push, diffId));
    if (source === undefined) await upload(context, push, descriptor, progress);
    progress.state(source === undefined ? 'Pushed' : `Mounted from ${source}`);
  });

const sendConfig = async (context: Context, push: Push, descriptor: Descriptor): Promise<void> => {
  const { signal } = push;
  if (!(await push.repository.hasBlob(descriptor.digest, { signal })))
    await upload(context, push, descriptor);
};

/** A manifest whose layers the registry has, or this store. */
const pushable = async (context: Context, push: Push): Promise<StoredManifest | undefined> => {
  const known = await manifestsOf(context, push.record);
  const whole = known.find((stored) => isWhole(context, stored));
  if (whole !== undefined) return whole;
  for (const stored of known) {
    const absent = stored.manifest.layers.filter(
      ({ digest }) => context.store.blobs.stat(digest) === undefined,
    );
    const needed = absent.filter((layer) => !isForeignLayer(layer.mediaType));
    const { signal } = push;
    const found = await Promise.all(needed.map(({ digest }) => push.repository.hasBlob(digest, { signal })));
    if (found.every(Boolean)) return stored;
  }
  return undefined;
};

const sendKnown = async (context: Context, push: Push, stored: StoredManifest): Promise<StoredManifest> => {
  const layers = new Map(
    stored.manifest.layers.map((layer, index) => [
      layer.digest,
      { layer, diffId: push.record.diffIds[index] },
    ]),
  );
  for (const digest of layers.keys()) await push.lease.protect('blob', digest);
  const tasks = [...layers.values()].map(
    ({ layer, diffId }) =>
      async (signal: AbortSignal): Promise<void> => {
        if (diffId === undefined || isForeignLayer(layer.mediaType)) return;
        await sendLayer(context, { ...push, signal }, diffId, layer);
      },
  );
  const config = (signal: AbortSignal) => sendConfig(context, { ...push, signal }, stored.manifest.config);
  await allOrAbort([config, ...tasks], push.signal);
  return stored;
};

/** Compresses a layer that never was, keeps that with the image whatever comes, and sends it. */
const sendCompressed = async (context: Context, push: Push, diffId: DiffId): Promise<Descriptor> => {
  const { record, lease, signal } = push;
  const blob = await push.compressions(() => compressedLayer(context, diffId, { lease, signal }));
  await keepWith(context, record, { blobs: [blob.digest] });
  const descriptor = { mediaType: blob.mediaType, digest: blob.digest, size: blob.size };
  await sendLayer(context, push, diffId, descriptor);
  return descriptor;
};

/** Sends each layer as soon as it is compressed, then writes the manifest. */
const sendNew = async (context: Context, push: Push): Promise<StoredManifest> => {
  const { record, lease } = push;
  const sent = new Map<DiffId, Descriptor>();
  const size = context.store.blobs.stat(record.id)?.size ?? 0;
  const config = { mediaType: MEDIA_TYPES.ociConfig, digest: record.id, size };
  const tasks = [...new Set(record.diffIds)].map((diffId) => async (signal: AbortSignal): Promise<void> => {
    sent.set(diffId, await sendCompressed(context, { ...push, signal }, diffId));
  });
  await allOrAbort([(signal) => sendConfig(context, { ...push, signal }, config), ...tasks], push.signal);
  const layers = record.diffIds.map((diffId) => sent.get(diffId)).filter((layer) => layer !== undefined);
  return giveManifest(context, record, layers, lease);
};

const pushUnder = async (context: Context, push: Push): Promise<Descriptor> => {
  const { emit, record, reference, repository, signal } = push;
  emit({ kind: 'status', message: `The push refers to repository [${repositoryName(reference)}]` });
  for (const diffId of new Set(record.diffIds)) layerProgress(emit, shortId(diffId)).state('Preparing');
  const known = await pushable(context, push);
  const stored = known === undefined ? await sendNew(context, push) : await sendKnown(context, push, known);
  const bytes = await context.store.blobs.read(stored.descriptor.digest);
  const target = reference.tag ?? stored.descriptor.digest;
  const { mediaType } = stored.descriptor;
  await repository.pushManifest(target, { bytes, mediaType }, { signal });
  const named = canonicalString(withDigest(reference, stored.descriptor.digest));
  await context.store.images.addRepoDigest(named, record.id);
  return stored.descriptor;
};

const localImage = (context: Context, reference: Reference): ImageRecord => {
  if (reference.digest !== undefined) throw libraryErrors.digestInPush({});
  const record = context.store.images.byReference(canonicalString(reference));
  if (record === undefined) throw libraryErrors.localImageMissing({ name: familiarString(reference) });
  return record;
};

/** `docker push` of one tag: layers first, several at once, the manifest last. */
export const pushImage = async (
  context: Context,
  request: PushRequest,
  emit: Emit<LibraryEvent>,
): Promise<{ readonly digest: Digest; readonly size: number }> => {
  const reference = parseReference(request.reference);
  const record = localImage(context, reference);
  const shown = familiarString(reference);
  await using lease = await context.store.leases.create({ label: `push ${shown}` });
  await lease.protect('blob', record.id);
  await using client = context.registryClientFor(request.auth);
  const { digest, size } = await pushUnder(context, {
    record,
    reference,
    repository: client.repository(reference),
    lease,
    signal: request.signal,
    emit,
    uploads: createLimit(PARALLEL_UPLOADS),
    compressions: createLimit(1),
  });
  announce(context, 'push', shown, shown);
  return { digest, size };
};
