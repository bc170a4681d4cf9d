import { isLadeError } from '#errors';
import { algorithmOf, asImageId, type Descriptor, type DiffId, type Digest } from '#oci';
import { allOrAbort } from './all-or-abort.ts';
import type { Context } from './context.ts';
import { sendBlob, sendLayer, type Push } from './push-blobs.ts';
import { blobsNamed, liesElsewhere, type StoredNode, type StoredTree } from './stored-tree.ts';

interface Blob {
  readonly descriptor: Descriptor;
  /** Of layers of images: asked for at other repositories, and shown. */
  readonly diffId: DiffId | undefined;
}

/** Which layer a blob is, for blobs of images that are recorded. */
const layersOf = (context: Context, node: StoredNode): ReadonlyMap<Digest, DiffId> => {
  const { manifest } = node;
  if (manifest.kind === 'index') return new Map();
  const record = context.store.images.get(asImageId(manifest.config.digest));
  const pairs = manifest.layers.map((layer, index) => [layer.digest, record?.diffIds[index]] as const);
  return new Map(pairs.flatMap(([digest, diffId]) => (diffId === undefined ? [] : [[digest, diffId]])));
};

/** All blobs of these manifests that the registry is to have, each once. */
const blobsOf = (context: Context, nodes: readonly StoredNode[]): readonly Blob[] => {
  const blobs = new Map<Digest, Blob>();
  for (const node of nodes) {
    const layers = layersOf(context, node);
    for (const descriptor of blobsNamed(node.manifest).filter((blob) => !liesElsewhere(blob))) {
      blobs.set(descriptor.digest, { descriptor, diffId: layers.get(descriptor.digest) });
    }
  }
  return [...blobs.values()];
};

const sendBlobs = async (context: Context, push: Push, blobs: readonly Blob[]): Promise<void> => {
  await Promise.all(blobs.map(({ descriptor }) => push.lease.protect('blob', descriptor.digest)));
  const tasks = blobs.map(({ descriptor, diffId }) => (signal: AbortSignal) => {
    const own = { ...push, signal };
    return diffId === undefined
      ? sendBlob(context, own, descriptor)
      : sendLayer(context, own, diffId, descriptor);
  });
  await allOrAbort(tasks, push.signal);
};

/** Layers that lie elsewhere but are stored here, too: sent to registries that do not do without them. */
const spared = (context: Context, { manifest }: StoredNode): readonly Blob[] =>
  blobsNamed(manifest)
    .filter((blob) => liesElsewhere(blob) && context.store.blobs.stat(blob.digest) !== undefined)
    .map((descriptor) => ({ descriptor, diffId: undefined }));

/** Writes one manifest, under a tag or its digest; its bytes are those that are stored. */
export const sendManifest = async (
  context: Context,
  push: Push,
  { node, target }: { readonly node: StoredNode; readonly target?: string | undefined },
): Promise<void> => {
  const { digest, mediaType } = node.descriptor;
  const bytes = await context.store.blobs.read(digest);
  const put = (name: string) =>
    push.repository.pushManifest(name, { bytes, mediaType }, { signal: push.signal });
  const send = async (): Promise<void> => {
    // Under a tag, registries know a manifest by its sha256 only; those that cannot do more say so.
    if (target !== undefined && algorithmOf(digest) !== 'sha256') await put(digest).catch(() => undefined);
    await put(target ?? digest);
  };
  try {
    await send();
  } catch (error) {
    const more = spared(context, node);
    const mayHelp = isLadeError(error, 'not-found') || isLadeError(error, 'failed-precondition');
    if (more.length === 0 || !mayHelp) throw error;
    await sendBlobs(context, push, more);
    await send();
  }
};

/** Pushes what is stored about a manifest that the registry has now, and about that in turn. */
export const sendReferrers = async (
  context: Context,
  push: Push,
  { referrers }: Pick<StoredTree, 'referrers'>,
  about: Digest,
): Promise<void> => {
  const sent = new Set<Digest>([about]);
  for (const node of referrers) {
    const { subject } = node.manifest;
    if (subject === undefined || !sent.has(subject.digest)) continue;
    await sendBlobs(context, push, blobsOf(context, [node]));
    await sendManifest(context, push, { node });
    sent.add(node.descriptor.digest);
  }
};

/**
 * Pushes a target as it is, byte for byte: blobs first, then manifests, each after those it names; the top under the
 * tag; then what refers to any of them.
 */
export const sendTree = async (
  context: Context,
  push: Push,
  { top, below, referrers }: StoredTree,
): Promise<Descriptor> => {
  for (const { descriptor } of [top, ...below, ...referrers]) {
    await push.lease.protect('blob', descriptor.digest);
  }
  await sendBlobs(context, push, blobsOf(context, [...below, top, ...referrers]));
  for (const node of below) await sendManifest(context, push, { node });
  await sendManifest(context, push, { node: top, target: push.reference.tag });
  for (const node of referrers) await sendManifest(context, push, { node });
  return top.descriptor;
};
