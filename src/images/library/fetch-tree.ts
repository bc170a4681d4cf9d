import {
  attestedDigest,
  familiarString,
  isAttestation,
  isContainerImage,
  isIndexType,
  ociErrors,
  shortId,
  type Descriptor,
  type Digest,
  type ImageManifest,
} from '#oci';
import type { NewMember } from '#store';
import { toLadeError } from '#errors';
import { allOrAbort } from './all-or-abort.ts';
import type { Context } from './context.ts';
import { libraryErrors } from './errors.ts';
import { MAX_DEPTH, fetchConfig, pulledImage, type RemoteImage } from './fetch-image.ts';
import { layerProgress } from './progress.ts';
import { fetchBlob, fetchManifest, type RemoteFetch, type RemoteManifest } from './remote-content.ts';

/** Manifests that one index may bring, with all that refers to them. */
const MAX_MANIFESTS = 2000;
/** Their bytes together. */
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;
/** Manifests fetched at once. */
const PARALLEL = 6;

/** One manifest of a tree, stored. */
export interface TreeNode extends RemoteManifest {
  readonly kind: 'image' | 'attestation' | 'artifact' | 'index';
  readonly subject: Digest | undefined;
  /** The entry or referrer by which it was found. */
  readonly entry: Descriptor;
  /** Of images. */
  readonly image?: RemoteImage | undefined;
}

/** Everything below and about what a reference means, in the order of the index; referrers last. */
export interface RemoteTree {
  readonly top: RemoteManifest;
  readonly nodes: readonly TreeNode[];
}

interface Wish {
  readonly entry: Descriptor;
  readonly depth: number;
  readonly referrer: boolean;
  readonly subject: Digest | undefined;
}

/** An image whose configuration is none is kept as it is, and can be passed on. */
const imageIn = async (
  context: Context,
  { descriptor }: RemoteManifest,
  manifest: ImageManifest,
  fetch: RemoteFetch,
): Promise<RemoteImage | undefined> => {
  if (!isContainerImage(manifest)) return undefined;
  try {
    return { kind: 'image', descriptor, manifest, config: await fetchConfig(context, manifest, fetch) };
  } catch (error) {
    if (ociErrors.invalidImageConfig.is(error) || libraryErrors.layerCountMismatch.is(error))
      return undefined;
    throw error;
  }
};

const nodeOf = async (context: Context, wish: Wish, fetch: RemoteFetch): Promise<TreeNode> => {
  const { entry } = wish;
  const found = await fetchManifest(context, entry, fetch);
  const { manifest } = found;
  const subject = wish.subject ?? attestedDigest(entry) ?? manifest.subject?.digest;
  if (manifest.kind === 'index') return { ...found, kind: 'index', subject, entry };
  if (isAttestation(entry)) return { ...found, kind: 'attestation', subject, entry };
  const image = await imageIn(context, found, manifest, fetch);
  return { ...found, kind: image === undefined ? 'artifact' : 'image', subject, entry, image };
};

const below = ({ manifest }: RemoteManifest, depth: number): readonly Wish[] =>
  manifest.kind === 'image'
    ? []
    : manifest.manifests.map((entry) => ({ entry, depth: depth + 1, referrer: false, subject: undefined }));

const CANNOT_SAY: ReadonlySet<string> = new Set(['not-found', 'failed-precondition', 'unsupported']);

const LEFT_OUT: ReadonlySet<string> = new Set(['not-found', 'invalid-argument', 'unsupported']);

/** What refers to a manifest; nothing where the registry cannot say. */
const referrersOf = async (
  { descriptor }: RemoteManifest,
  depth: number,
  { repository, signal }: RemoteFetch,
): Promise<readonly Wish[]> => {
  const entries = await repository.referrers(descriptor.digest, { signal }).catch((error: unknown) => {
    if (CANNOT_SAY.has(toLadeError(error).kind)) return [];
    throw error;
  });
  return entries.map((entry) => ({ entry, depth, referrer: true, subject: descriptor.digest }));
};

/** A referrer; undefined when its list names something that is gone, unreadable, or about something else. */
const referrerNode = async (
  context: Context,
  wish: Wish,
  fetch: RemoteFetch,
): Promise<TreeNode | undefined> => {
  try {
    const node = await nodeOf(context, wish, fetch);
    if (node.manifest.subject?.digest === wish.subject) return node;
  } catch (error) {
    if (!LEFT_OUT.has(toLadeError(error).kind)) throw error;
  }
  fetch.emit({ kind: 'status', message: `Left out: ${wish.entry.digest}, listed as about ${wish.subject}` });
  return undefined;
};

const inParallel = async <T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<readonly R[]> => {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += PARALLEL) {
    results.push(...(await Promise.all(items.slice(start, start + PARALLEL).map(map))));
  }
  return results;
};

/** Of the entries of indexes, one manifest and the indexes that may lead to it. */
const onlyThis =
  (digest: Digest | undefined) =>
  ({ entry }: Wish): boolean =>
    digest === undefined || entry.digest === digest || isIndexType(entry.mediaType);

/**
 * Fetches all manifests of an index, of indexes in it, and of what refers to any of them; breadth first. With `only`,
 * one manifest of them and what refers to it and to the index.
 */
export const fetchTree = async (
  context: Context,
  top: RemoteManifest,
  { only, ...fetch }: RemoteFetch & { readonly only?: Digest | undefined },
): Promise<RemoteTree> => {
  const name = familiarString(fetch.repository.reference);
  const seen = new Set<Digest>([top.descriptor.digest]);
  const fresh = (wishes: readonly Wish[]): readonly Wish[] =>
    wishes.filter(({ entry }) => !seen.has(entry.digest) && seen.add(entry.digest));
  const self: Wish = { entry: top.descriptor, depth: 0, referrer: false, subject: undefined };
  const nodes: TreeNode[] = top.manifest.kind === 'image' ? [await nodeOf(context, self, fetch)] : [];
  let bytes = 0;
  let asked: readonly { readonly node: RemoteManifest; readonly depth: number }[] = [{ node: top, depth: 0 }];
  while (asked.length > 0) {
    const referring = await inParallel(asked, ({ node, depth }) => referrersOf(node, depth, fetch));
    const entries = asked.flatMap(({ node, depth }) => below(node, depth)).filter(onlyThis(only));
    const wishes = fresh([...entries, ...referring.flat()]);
    bytes += wishes.reduce((sum, { entry }) => sum + entry.size, 0);
    if (seen.size > MAX_MANIFESTS || bytes > MAX_MANIFEST_BYTES) {
      throw libraryErrors.indexTooLarge({ name, limit: MAX_MANIFESTS, bytes: MAX_MANIFEST_BYTES });
    }
    if (wishes.some(({ depth }) => depth > MAX_DEPTH)) throw libraryErrors.indexTooDeep({ name });
    const found = await inParallel(wishes, async (wish) => {
      const get = wish.referrer ? referrerNode : nodeOf;
      return { node: await get(context, wish, fetch), depth: wish.depth };
    });
    const there = found.flatMap(({ node, depth }) => (node === undefined ? [] : [{ node, depth }]));
    nodes.push(...there.map(({ node }) => node));
    asked = there;
  }
  return { top, nodes };
};

/** Blobs that belong to nodes which are not images. */
export const otherBlobs = ({ nodes }: RemoteTree): readonly Descriptor[] =>
  nodes.flatMap(({ kind, manifest }) =>
    kind === 'image' || manifest.kind === 'index' ? [] : [manifest.config, ...manifest.layers],
  );

const fetchWithProgress = async (
  context: Context,
  descriptor: Descriptor,
  fetch: RemoteFetch,
): Promise<void> => {
  const progress = layerProgress(fetch.emit, shortId(descriptor.digest));
  if (context.store.blobs.stat(descriptor.digest) !== undefined) progress.state('Already exists');
  else progress.state('Pulling fs layer');
  await fetchBlob(context, descriptor, fetch, (current) =>
    progress.count('Downloading', current, descriptor.size),
  );
  progress.state('Download complete');
};

/** Fetches these blobs, each once, several at a time. */
export const fetchBlobs = async (
  context: Context,
  descriptors: readonly Descriptor[],
  fetch: RemoteFetch,
): Promise<void> => {
  const once = new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor]));
  const tasks = [...once.values()].map(
    (descriptor) => (signal: AbortSignal) => fetchWithProgress(context, descriptor, { ...fetch, signal }),
  );
  await allOrAbort(tasks, fetch.signal);
};

/** The member that a node becomes once its content is stored. */
export const memberOf = (context: Context, node: TreeNode, top: RemoteManifest): NewMember => ({
  manifest: { digest: node.descriptor.digest, mediaType: node.descriptor.mediaType },
  kind: node.kind,
  subject: node.subject,
  platform: node.entry.platform,
  image: node.image === undefined ? undefined : pulledImage(context, node.image, top),
});
