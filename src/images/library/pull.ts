import type { RemoteRepository } from '#distribution';
import type { Emit } from '#events';
import {
  asImageId,
  type ImageId,
  canonicalString,
  familiarString,
  formatPlatform,
  hostPlatform,
  matchPlatform,
  parsePlatform,
  parseReference,
  selectPlatform,
  withDigest,
  withTag,
  type Descriptor,
  type DiffId,
  type Reference,
} from '#oci';
import type { ImageRecord, Lease, NewImage, NewMember, NewTarget } from '#store';
import { allOrAbort } from './all-or-abort.ts';
import { announce, type Context } from './context.ts';
import { isTransient, RESUME_MS } from './downloads.ts';
import { libraryErrors } from './errors.ts';
import {
  fetchImage,
  fetchTop,
  pulledArtifact,
  pulledImage,
  type RemoteArtifact,
  type RemoteImage,
} from './fetch-image.ts';
import { fetchLayer } from './fetch-layer.ts';
import { fetchBlobs, fetchTree, memberOf, otherBlobs, type RemoteTree } from './fetch-tree.ts';
import { storedReference } from './lookup.ts';
import type { RemoteFetch, RemoteManifest } from './remote-content.ts';
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

/** Layers of other systems stay packed: nothing here could use them. */
const canBeUnpacked = ({ config }: RemoteImage): boolean => config.os === 'linux';

const fetchLayers = async (context: Context, image: RemoteImage, fetch: RemoteFetch): Promise<void> => {
  if (!canBeUnpacked(image)) return fetchBlobs(context, image.manifest.layers, fetch);
  const layers = distinctLayers(image);
  const among = layers.length > 1;
  await allOrAbort(
    layers.map((layer) => (signal) => fetchLayer(context, { ...layer, among }, { ...fetch, signal })),
    fetch.signal,
  );
  await context.layers.prepare(image.config.rootfs.diffIds);
};

/** The names that a pull gives: the digest, and the tag where one was asked for. */
const namesOf = (reference: Reference, top: RemoteManifest): Pick<NewTarget, 'tags' | 'repoDigests'> => ({
  tags: reference.tag === undefined || reference.digest !== undefined ? [] : [canonicalString(reference)],
  repoDigests: [canonicalString(withDigest(reference, top.descriptor.digest))],
});

const targetOf = (top: RemoteManifest, reference: Reference, image: NewImage) => ({
  digest: top.descriptor.digest,
  mediaType: top.descriptor.mediaType,
  image: image.id,
  ...namesOf(reference, top),
});

/** The image for this machine among those that are stored of what a name resolves to. */
const ownImage = ({ store: { images } }: Context, top: RemoteManifest): ImageId | undefined =>
  images
    .target(top.descriptor.digest)
    ?.members.map(({ image }) => (image === undefined ? undefined : images.get(image)))
    .find((record) => record !== undefined && matchPlatform(record.platform, hostPlatform()))?.id;

const recordImage = async (
  context: Context,
  image: RemoteImage,
  { top, pull }: { readonly top: RemoteManifest; readonly pull: Pull },
): Promise<ImageRecord> => {
  const { reference, request } = pull;
  const record = pulledImage(context, image, top);
  const manifest = { digest: image.descriptor.digest, mediaType: image.descriptor.mediaType };
  const { images } = context.store;
  const put = (main: ImageId): Promise<ImageRecord> =>
    images.putTarget({
      ...targetOf(top, reference, record),
      image: main,
      members: [{ manifest, kind: 'image', image: record, platform: record.platform }],
    });
  const own = (): ImageId => (request.aside === true ? ownImage(context, top) : undefined) ?? record.id;
  const before = own();
  const meant = await put(before);
  // The image of this machine may have come by another pull meanwhile.
  const after = own();
  const last = after === before ? meant : await put(after);
  return images.get(record.id) ?? last;
};

const pullArtifact = async (
  context: Context,
  artifact: RemoteArtifact,
  { top, reference, fetch }: { top: RemoteManifest; reference: Reference; fetch: RemoteFetch },
): Promise<ImageRecord> => {
  const { manifest, descriptor } = artifact;
  const blobs = [manifest.config, ...manifest.layers];
  await fetchBlobs(context, blobs, fetch);
  const record = pulledArtifact(artifact, blobs);
  const link = { digest: descriptor.digest, mediaType: descriptor.mediaType };
  return context.store.images.putTarget({
    ...targetOf(top, reference, record),
    members: [{ manifest: link, kind: 'artifact', image: record }],
  });
};

/** The image that a tree's name means where no platform is asked for. */
const mainImage = ({ nodes }: RemoteTree, platform: string | undefined): RemoteImage | undefined => {
  const wanted = platform === undefined ? hostPlatform() : parsePlatform(platform);
  const images = nodes.map((node) => node.image).filter((image) => image !== undefined);
  const offered = images.map((image) => ({ image, platform: image.config }));
  return selectPlatform(offered, wanted)?.image ?? (platform === undefined ? images[0] : undefined);
};

const pullTree = async (
  context: Context,
  pull: Pull,
  { top, fetch }: { readonly top: RemoteManifest; readonly fetch: RemoteFetch },
): Promise<ImageRecord> => {
  const { reference, request } = pull;
  const one = request.allPlatforms !== true;
  const chosen = one ? await fetchImage(context, top, { ...fetch, platform: request.platform }) : undefined;
  const tree = await fetchTree(context, top, { ...fetch, only: chosen?.descriptor.digest });
  const main = mainImage(tree, request.platform);
  if (main === undefined && request.platform !== undefined) {
    const offered = tree.nodes.flatMap(({ image }) =>
      image === undefined ? [] : [formatPlatform(image.config)],
    );
    throw libraryErrors.noMatchingManifest({
      wanted: request.platform,
      offered: offered.join(', ') || 'none',
    });
  }
  const others = otherBlobs(tree);
  const packed = tree.nodes.flatMap(({ image }) =>
    image === undefined || image === main ? [] : image.manifest.layers,
  );
  await allOrAbort(
    [
      async (signal) => main && fetchLayers(context, main, { ...fetch, signal }),
      (signal) => fetchBlobs(context, [...others, ...packed], { ...fetch, signal }),
    ],
    fetch.signal,
  );
  const members = tree.nodes.map((node) => memberOf(context, node, top));
  const image = main === undefined ? pulledArtifact(top, others) : pulledImage(context, main, top);
  const own = { digest: top.descriptor.digest, mediaType: top.descriptor.mediaType };
  const stored = await context.store.images.putTarget({
    ...targetOf(top, reference, image),
    members: main === undefined ? withArtifact(members, { manifest: own, kind: 'artifact', image }) : members,
    blobs: others.map((blob) => blob.digest),
  });
  return stored;
};

/** An index without images is an artifact as a whole, and its own first member. */
const withArtifact = (members: readonly NewMember[], whole: NewMember): readonly NewMember[] => [
  whole,
  ...members.filter((member) => member.manifest.digest !== whole.manifest.digest),
];

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

/** As dockerd says it: of an image that is there already, no layer is told of. */
const onlyNews =
  (emit: Emit<LibraryEvent>): Emit<LibraryEvent> =>
  (event) => {
    if (event.kind !== 'layer' || event.status !== 'Already exists') emit(event);
  };

const pullOne = async (
  context: Context,
  pull: Pull,
  { top, fetch }: { readonly top: RemoteManifest; readonly fetch: RemoteFetch },
): Promise<ImageRecord> => {
  const { reference, request } = pull;
  const chosen = await fetchImage(context, top, { ...fetch, platform: request.platform });
  if (chosen.kind === 'artifact') return pullArtifact(context, chosen, { top, reference, fetch });
  const isStored = context.store.images.get(asImageId(chosen.manifest.config.digest)) !== undefined;
  await fetchLayers(context, chosen, isStored ? { ...fetch, emit: onlyNews(fetch.emit) } : fetch);
  return recordImage(context, chosen, { top, pull });
};

const pullFrom = async (context: Context, pull: Pull, repository: RemoteRepository): Promise<ImageView> => {
  const { reference, request, lease, emit } = pull;
  const { signal } = request;
  emit({ kind: 'status', message: `Pulling from ${reference.path}`, id: reference.tag ?? reference.digest });
  const fetch = { repository, lease, signal, emit };
  const before = context.store.images.byReference(storedReference(reference));
  const top = await fetchTop(context, fetch);
  const stored =
    request.allPlatforms === true || request.referrers === true
      ? await pullTree(context, pull, { top, fetch })
      : await pullOne(context, pull, { top, fetch });
  emit({ kind: 'status', message: `Digest: ${top.descriptor.digest}` });
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

/** `docker pull --all-tags`: every tag of the repository, in the order of the registry. */
export const pullAllTags = async (
  context: Context,
  request: PullRequest,
  emit: Emit<LibraryEvent>,
): Promise<readonly ImageView[]> => {
  const repository = parseReference(request.reference, { defaultTag: false });
  if (repository.tag !== undefined || repository.digest !== undefined) throw libraryErrors.tagWithAllTags({});
  await using client = context.registryClientFor(request.auth);
  const tags = await client.repository(repository).tags({ signal: request.signal });
  if (tags.length === 0) throw libraryErrors.noTags({ name: familiarString(repository) });
  const views: ImageView[] = [];
  for (const tag of tags) {
    const reference = canonicalString(withTag(repository, tag));
    views.push(await pullImage(context, { ...request, reference }, emit));
  }
  return views;
};
