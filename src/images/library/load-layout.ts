import { randomUUID } from 'node:crypto';
import { hostPlatform, selectPlatform, type Descriptor, type Platform } from '#oci';
import type { ImageRecord } from '#store';
import { documentOf, type LayoutTop } from './archive-layout.ts';
import { layoutPath } from './archive-plan.ts';
import type { Context } from './context.ts';
import { describedBy, storedLayers } from './create-image.ts';
import { pulledArtifact, pulledImage, type RemoteImage } from './fetch-image.ts';
import { memberOf, otherBlobs, type TreeNode } from './fetch-tree.ts';
import type { Load } from './load.ts';
import { placeLayers } from './load-layers.ts';

/** The images of a layout that are wanted, and which of them its names mean. */
export interface Chosen {
  readonly main: RemoteImage | undefined;
  readonly nodes: readonly TreeNode[];
}

/** Of these images the best for each platform that is asked for; all where none is. */
const imagesFor = (
  images: readonly RemoteImage[],
  platforms: readonly Platform[] | undefined,
): ReadonlySet<RemoteImage> => {
  if (platforms === undefined) return new Set(images);
  const offered = images.map((image) => ({ image, platform: image.config }));
  const best = platforms.map((platform) => selectPlatform(offered, platform)?.image);
  return new Set(best.filter((image) => image !== undefined));
};

const allImages = ({ nodes }: LayoutTop): readonly RemoteImage[] =>
  nodes.map((node) => node.image).filter((image) => image !== undefined);

/** Undefined when the archive has no image for any platform that is asked for. */
export const choose = (layout: LayoutTop, platforms: readonly Platform[] | undefined): Chosen | undefined => {
  const images = imagesFor(allImages(layout), platforms);
  const nodes = layout.nodes.filter(({ image }) => image === undefined || images.has(image));
  const offered = [...images].map((image) => ({ image, platform: image.config }));
  const main = selectPlatform(offered, platforms?.[0] ?? hostPlatform())?.image ?? offered[0]?.image;
  return platforms !== undefined && main === undefined ? undefined : { main, nodes };
};

/** The layers of images that nobody asked for, by path. */
export const unwantedPaths = (
  layout: LayoutTop,
  platforms: readonly Platform[] | undefined,
): ReadonlySet<string> => {
  const images = allImages(layout);
  const wanted = imagesFor(images, platforms);
  const paths = (chosen: readonly RemoteImage[]): ReadonlySet<string> =>
    new Set(chosen.flatMap((image) => image.manifest.layers.map((layer) => layoutPath(layer.digest))));
  return paths(images.filter((image) => !wanted.has(image))).difference(paths([...wanted]));
};

/** Lays a layer that came uncompressed down as a blob too. */
const copyLayer = async (context: Context, load: Load, { digest, size }: Descriptor): Promise<boolean> => {
  const entry = load.entries.get(layoutPath(digest));
  if (entry?.kind !== 'layer') return false;
  const expected = { digest, size };
  await using ingest = await context.store.blobs.ingest({
    ref: `load ${randomUUID()}`,
    lease: load.lease,
    expected,
  });
  for await (const chunk of context.layers.openTar(entry.diffId) as AsyncIterable<Buffer>) {
    load.signal?.throwIfAborted();
    await ingest.write(chunk);
  }
  await ingest.commit();
  return true;
};

/** Whether this content is stored as a blob now. */
const ensureBlob = async (context: Context, load: Load, descriptor: Descriptor): Promise<boolean> => {
  const { digest } = descriptor;
  await load.lease.protect('blob', digest);
  if (context.store.blobs.stat(digest) !== undefined) return true;
  const bytes = documentOf(load.entries, descriptor);
  if (bytes === undefined) return copyLayer(context, load, descriptor);
  await context.store.blobs.put(bytes, { lease: load.lease, digest });
  return true;
};

const ensureAll = async (
  context: Context,
  load: Load,
  descriptors: readonly Descriptor[],
): Promise<boolean> => {
  for (const descriptor of descriptors) if (!(await ensureBlob(context, load, descriptor))) return false;
  return true;
};

const contentOf = ({ manifest }: TreeNode): readonly Descriptor[] =>
  manifest.kind === 'index' ? [] : [manifest.config, ...manifest.layers];

/** Layers that came as they are named, so that the manifest can be kept as it is. */
const arrivedPacked = (context: Context, load: Load, { manifest }: RemoteImage): boolean =>
  manifest.layers.every(
    ({ digest }) =>
      context.store.blobs.stat(digest) !== undefined || load.entries.get(layoutPath(digest))?.kind === 'blob',
  );

/** The nodes whose content is all stored. A single image of uncompressed layers is not worth a second copy of them. */
const wholeNodes = async (
  context: Context,
  load: Load,
  { main, nodes }: Chosen,
): Promise<readonly TreeNode[]> => {
  const alone = nodes.length === 1 && main !== undefined;
  if (alone && !arrivedPacked(context, load, main)) return [];
  const whole: TreeNode[] = [];
  for (const node of nodes) {
    if (node.kind === 'image' && node.image === undefined) continue;
    if (await ensureAll(context, load, [node.descriptor, ...contentOf(node)])) whole.push(node);
  }
  return whole;
};

/** Without its manifest, of which not all content is here. */
const recordAlone = async (
  context: Context,
  load: Load,
  { image, tags }: { readonly image: RemoteImage; readonly tags: readonly string[] },
): Promise<ImageRecord> => {
  await ensureBlob(context, load, image.manifest.config);
  return context.store.images.put({
    ...pulledImage(context, image, image),
    ...describedBy(image.config),
    layers: storedLayers(context, image.config.rootfs.diffIds),
    manifests: [],
    blobs: [],
    layerBlobs: [],
    tags,
    repoDigests: load.repoDigests,
  });
};

/** Records what an entry of index.json leads to: an index with its members, or a single manifest. */
export const loadLayout = async (
  context: Context,
  load: Load,
  { layout, chosen }: { readonly layout: LayoutTop; readonly chosen: Chosen },
): Promise<ImageRecord> => {
  const { main } = chosen;
  const { top, tags } = layout;
  if (main?.config.os === 'linux') {
    const paths = main.manifest.layers.map((layer) => layoutPath(layer.digest));
    await placeLayers(context, load, { config: main.config, paths });
  }
  const nodes = await wholeNodes(context, load, chosen);
  const mainNode = nodes.find((node) => node.image === main);
  if (main !== undefined && mainNode === undefined) return recordAlone(context, load, { image: main, tags });
  await ensureBlob(context, load, top.descriptor);
  const others = otherBlobs({ top, nodes });
  const members = nodes.map((node) => memberOf(context, node, top));
  const image = main === undefined ? pulledArtifact(top, others) : pulledImage(context, main, top);
  const { digest, mediaType } = top.descriptor;
  const own = { manifest: { digest, mediaType }, kind: 'artifact', image } as const;
  const rest = members.filter((member) => member.manifest.digest !== digest);
  return context.store.images.putTarget({
    digest,
    mediaType,
    image: image.id,
    tags,
    repoDigests: load.repoDigests,
    members: main === undefined ? [own, ...rest] : members,
    blobs: others.map((blob) => blob.digest),
  });
};
