import type { Emit } from '#events';
import {
  MEDIA_TYPES,
  canonicalString,
  familiarString,
  formatPlatform,
  parseReference,
  repositoryName,
  shortId,
  withDigest,
  type Descriptor,
  type DiffId,
  type Digest,
  type Reference,
} from '#oci';
import type { ImageRecord, ManifestLink } from '#store';
import { allOrAbort } from './all-or-abort.ts';
import { compressedLayer } from './compress-layer.ts';
import { announce, type Context } from './context.ts';
import { libraryErrors } from './errors.ts';
import { giveManifest, isWhole, keepWith, manifestsOf, type StoredManifest } from './image-manifest.ts';
import { createLimit } from './limit.ts';
import { layerProgress } from './progress.ts';
import { sendConfig, sendLayer, type Push } from './push-blobs.ts';
import { sendManifest, sendReferrers, sendTree } from './push-tree.ts';
import { refetchLayers } from './refetch.ts';
import { liesElsewhere, readTree, type StoredTree } from './stored-tree.ts';
import type { LibraryEvent, PushRequest, Pushed } from './types.ts';

const PARALLEL_UPLOADS = 5;

/** A push of one image. */
interface ImagePush extends Push {
  readonly record: ImageRecord;
  /** The manifest that the name means, where it means one. */
  readonly wanted: Digest | undefined;
}

/** A manifest whose layers the registry has, or this store. */
const pushable = async (context: Context, push: ImagePush): Promise<StoredManifest | undefined> => {
  const all = await manifestsOf(context, push.record);
  // What was annotated for another name is the last choice.
  const rank = ({ descriptor, manifest }: StoredManifest): number =>
    descriptor.digest === push.wanted ? 0 : manifest.annotations === undefined ? 1 : 2;
  const known = all.toSorted((a, b) => rank(a) - rank(b));
  const whole = known.find((stored) => isWhole(context, stored));
  if (whole !== undefined) return whole;
  for (const stored of known) {
    const absent = stored.manifest.layers.filter(
      ({ digest }) => context.store.blobs.stat(digest) === undefined,
    );
    const needed = absent.filter((layer) => !liesElsewhere(layer));
    const { signal } = push;
    const found = await Promise.all(needed.map(({ digest }) => push.repository.hasBlob(digest, { signal })));
    if (found.every(Boolean)) return stored;
  }
  return undefined;
};

const sendKnown = async (
  context: Context,
  push: ImagePush,
  stored: StoredManifest,
): Promise<StoredManifest> => {
  const layers = new Map(
    stored.manifest.layers.map((layer, index) => [
      layer.digest,
      { layer, diffId: push.record.diffIds[index] },
    ]),
  );
  await Promise.all([...layers.keys()].map((digest) => push.lease.protect('blob', digest)));
  const tasks = [...layers.values()].map(
    ({ layer, diffId }) =>
      async (signal: AbortSignal): Promise<void> => {
        if (diffId === undefined || liesElsewhere(layer)) return;
        await sendLayer(context, { ...push, signal }, diffId, layer);
      },
  );
  const config = (signal: AbortSignal) => sendConfig(context, { ...push, signal }, stored.manifest.config);
  await allOrAbort([config, ...tasks], push.signal);
  return stored;
};

/** Compresses a layer that never was, keeps that with the image whatever comes, and sends it. */
const sendCompressed = async (context: Context, push: ImagePush, diffId: DiffId): Promise<Descriptor> => {
  const { record, lease, signal } = push;
  const blob = await push.compressions(() => compressedLayer(context, diffId, { lease, signal }));
  await keepWith(context, record, { blobs: [blob.digest] });
  const descriptor = { mediaType: blob.mediaType, digest: blob.digest, size: blob.size };
  await sendLayer(context, push, diffId, descriptor);
  return descriptor;
};

/** Sends each layer as soon as it is compressed, then writes the manifest. */
const sendNew = async (context: Context, push: ImagePush): Promise<StoredManifest> => {
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

/** Pushes the manifest of one image, made now where there is none yet. */
const sendImage = async (context: Context, push: ImagePush): Promise<Descriptor> => {
  const { emit, record, reference } = push;
  for (const diffId of new Set(record.diffIds)) layerProgress(emit, shortId(diffId)).state('Preparing');
  const known = await pushable(context, push);
  const { descriptor, manifest } =
    known === undefined ? await sendNew(context, push) : await sendKnown(context, push, known);
  await sendManifest(context, push, { node: { descriptor, manifest }, target: reference.tag });
  return descriptor;
};

/** One of these blobs that the registry does not have. */
const lacking = async (
  { repository, signal }: Push,
  digests: readonly Digest[],
): Promise<Digest | undefined> => {
  for (const digest of digests) if (!(await repository.hasBlob(digest, { signal }))) return digest;
  return undefined;
};

/** What a name means with all that belongs to it, where that is stored whole and is more than one image. */
const wholeTree = async (
  context: Context,
  push: ImagePush,
  { record, target }: Meant,
): Promise<StoredTree | undefined> => {
  const artifact = record.kind === 'artifact' ? record.manifests[0] : undefined;
  const link = target ?? artifact;
  const tree = link === undefined ? undefined : await readTree(context, link);
  if (tree === undefined) return undefined;
  const single = tree.below.length === 0 && tree.referrers.length === 0 && artifact === undefined;
  if (single) return undefined;
  const missing = tree.missingManifests[0] ?? (await lacking(push, tree.missingBlobs));
  if (missing === undefined) return tree;
  if (artifact !== undefined) throw libraryErrors.contentMissing({ digest: missing });
  push.emit({
    kind: 'status',
    message: `Not all platforms are here, so that only the image for ${formatPlatform(record.platform)} is pushed; pull with --all-platforms to push them all`,
  });
  return undefined;
};

/** Fetches what was let go for space, unless it came from this repository, which has it then. */
const fetchAgain = async (
  context: Context,
  { record, reference, lease, signal }: ImagePush,
): Promise<void> => {
  const source = `${repositoryName(reference)}@`;
  const names = context.store.images.references(record.id);
  const had = names.some(({ kind, reference: name }) => kind === 'digest' && name.startsWith(source));
  if (record.unpacked && !had) await refetchLayers(context, record, { lease, signal });
};

/** One image, and what is stored about it. */
const sendOne = async (context: Context, push: ImagePush, { target }: Meant): Promise<Descriptor> => {
  const descriptor = await sendImage(context, push);
  const stored = target === undefined ? undefined : await readTree(context, target);
  if (stored !== undefined) await sendReferrers(context, push, stored, descriptor.digest);
  return descriptor;
};

const pushUnder = async (context: Context, push: ImagePush, meant: Meant): Promise<Descriptor> => {
  const { emit, record, reference } = push;
  emit({ kind: 'status', message: `The push refers to repository [${repositoryName(reference)}]` });
  await fetchAgain(context, push);
  const tree = await wholeTree(context, push, meant);
  const descriptor =
    tree === undefined
      ? await sendOne(context, push, meant)
      : await sendTree(context, { ...push, target: tree.top.descriptor.digest }, tree);
  const named = canonicalString(withDigest(reference, descriptor.digest));
  const { digest, mediaType } = descriptor;
  await context.store.images.addRepoDigest(named, record.id, { digest, mediaType });
  return descriptor;
};

interface Meant {
  readonly record: ImageRecord;
  /** What the name was resolved to; undefined when one platform of it was asked for. */
  readonly target: ManifestLink | undefined;
}

const localImage = (context: Context, reference: Reference, platform: string | undefined): Meant => {
  if (reference.digest !== undefined) throw libraryErrors.digestInPush({});
  const { images } = context.store;
  const name = canonicalString(reference);
  const stored = images.reference(name);
  const record = stored === undefined ? undefined : images.get(stored.image);
  if (record === undefined) throw libraryErrors.localImageMissing({ name: familiarString(reference) });
  if (platform === undefined) return { record, target: stored?.target };
  return { record: context.lookup.resolve(name, { platform }).record, target: undefined };
};

/**
 * `docker push` of one tag: layers first, several at once, the manifest last. A tag that means an index pushes it whole
 * and byte for byte where all of it is stored, and the image of this platform otherwise.
 */
export const pushImage = async (
  context: Context,
  request: PushRequest,
  emit: Emit<LibraryEvent>,
): Promise<Pushed> => {
  const reference = parseReference(request.reference);
  const meant = localImage(context, reference, request.platform);
  const { record } = meant;
  const shown = familiarString(reference);
  await using lease = await context.store.leases.create({ label: `push ${shown}` });
  await lease.protect('blob', record.id);
  await using client = context.registryClientFor(request.auth);
  const push: ImagePush = {
    record,
    wanted: meant.target?.digest,
    reference,
    repository: client.repository(reference),
    lease,
    signal: request.signal,
    emit,
    uploads: createLimit(PARALLEL_UPLOADS),
    compressions: createLimit(1),
  };
  const { digest, size } = await pushUnder(context, push, meant);
  announce(context, 'push', shown, shown);
  return { tag: reference.tag ?? 'latest', digest, size };
};

/** `docker push --all-tags`: every tag that the repository has here. */
export const pushAllTags = async (
  context: Context,
  request: PushRequest,
  emit: Emit<LibraryEvent>,
  told: (pushed: Pushed) => void = () => undefined,
): Promise<readonly Pushed[]> => {
  const repository = parseReference(request.reference, { defaultTag: false });
  if (repository.tag !== undefined || repository.digest !== undefined) throw libraryErrors.tagWithAllTags({});
  const prefix = `${repositoryName(repository)}:`;
  const tags = context.store.images
    .references()
    .filter((item) => item.kind === 'tag' && item.reference.startsWith(prefix));
  if (tags.length === 0) throw libraryErrors.noLocalTags({ name: familiarString(repository) });
  const all: Pushed[] = [];
  for (const { reference } of tags) {
    const pushed = await pushImage(context, { ...request, reference }, emit);
    told(pushed);
    all.push(pushed);
  }
  return all;
};
