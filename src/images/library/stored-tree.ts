import { isForeignLayer, parseManifest, type Descriptor, type Digest, type Manifest } from '#oci';
import type { ManifestLink } from '#store';
import type { Context } from './context.ts';

/** A stored manifest with its bytes. */
export interface StoredNode {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
}

/** What is stored of a target. */
export interface StoredTree {
  readonly top: StoredNode;
  /** Manifests below an index, each after those that it names itself; without the top. */
  readonly below: readonly StoredNode[];
  /** Manifests about any of these, each after its subject. */
  readonly referrers: readonly StoredNode[];
  /** Manifests that an index names and the store does not have. */
  readonly missingManifests: readonly Digest[];
  /** Blobs that the manifests name and the store does not have, except for those that lie elsewhere. */
  readonly missingBlobs: readonly Digest[];
}

/** Whether the content of a layer lies elsewhere, and registries need not have it. */
export const liesElsewhere = ({ mediaType, urls }: Descriptor): boolean =>
  isForeignLayer(mediaType) && urls !== undefined && urls.length > 0;

/** The blobs that a manifest names itself. */
export const blobsNamed = (manifest: Manifest): readonly Descriptor[] =>
  manifest.kind === 'image' ? [manifest.config, ...manifest.layers] : [];

const readNode = async (context: Context, link: ManifestLink): Promise<StoredNode | undefined> => {
  const { blobs } = context.store;
  const info = blobs.stat(link.digest);
  if (info === undefined) return undefined;
  const manifest = parseManifest(await blobs.read(link.digest), link.mediaType);
  return { manifest, descriptor: { mediaType: manifest.mediaType, digest: info.digest, size: info.size } };
};

interface Walk {
  readonly nodes: StoredNode[];
  readonly missingManifests: Digest[];
  readonly missingBlobs: Digest[];
  readonly seen: Set<Digest>;
}

/** Adds a manifest after everything below it. */
const visit = async (context: Context, link: ManifestLink, walk: Walk): Promise<void> => {
  if (walk.seen.has(link.digest)) return;
  walk.seen.add(link.digest);
  const node = await readNode(context, link);
  if (node === undefined) {
    walk.missingManifests.push(link.digest);
    return;
  }
  if (node.manifest.kind === 'index') {
    for (const entry of node.manifest.manifests) await visit(context, entry, walk);
  }
  const absent = blobsNamed(node.manifest).filter(
    (blob) => context.store.blobs.stat(blob.digest) === undefined && !liesElsewhere(blob),
  );
  walk.missingBlobs.push(...absent.map((blob) => blob.digest));
  walk.nodes.push(node);
};

/** Reads all manifests of a target; undefined when its own bytes are not stored. */
export const readTree = async (context: Context, target: ManifestLink): Promise<StoredTree | undefined> => {
  const walk: Walk = { nodes: [], missingManifests: [], missingBlobs: [], seen: new Set() };
  await visit(context, target, walk);
  const top = walk.nodes.find((node) => node.descriptor.digest === target.digest);
  if (top === undefined) return undefined;
  const below = walk.nodes.filter((node) => node !== top);
  const about: Walk = { ...walk, nodes: [] };
  for (const member of context.store.images.target(target.digest)?.members ?? []) {
    await visit(context, member.manifest, about);
  }
  const { missingManifests, missingBlobs } = walk;
  return { top, below, referrers: about.nodes, missingManifests, missingBlobs };
};
