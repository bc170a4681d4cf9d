import type { Readable } from 'node:stream';
import type { Emit } from '#events';
import { asImageId, parseImageConfig, type DiffId, type ImageConfig, type ImageManifest } from '#oci';
import type { Lease, LayerBlob, NewImage } from '#store';
import { readArchive, type ArchiveEntries } from './archive-entries.ts';
import { describedImages, type DescribedImage } from './archive-images.ts';
import { announce, type Context } from './context.ts';
import { describedBy, storedLayers } from './create-image.ts';
import { libraryErrors } from './errors.ts';
import { shownReference } from './lookup.ts';
import { layerProgress } from './progress.ts';
import type { Cancellable, ImageView, LibraryEvent } from './types.ts';

interface Load {
  readonly entries: ArchiveEntries;
  readonly lease: Lease;
  readonly emit: Emit<LibraryEvent>;
  readonly signal?: AbortSignal | undefined;
}

/** Makes one layer of the archive present as `diffId`. */
const placeLayer = async (context: Context, load: Load, path: string, diffId: DiffId): Promise<void> => {
  const entry = load.entries.get(path);
  if (entry === undefined || entry.kind === 'document') throw libraryErrors.archiveIncomplete({ path });
  if (entry.kind === 'layer') {
    if (entry.diffId !== diffId) {
      throw libraryErrors.archiveLayerMismatch({ path, expected: diffId, actual: entry.diffId });
    }
    return;
  }
  const source = { kind: 'file', path: context.store.blobs.path(entry.digest), compression: 'auto' } as const;
  await context.layers.unpack(source, { expected: diffId, lease: load.lease, signal: load.signal });
};

/** The compressed layers as the manifest names them; undefined unless all are stored. */
const transferredLayers = (
  context: Context,
  manifest: ImageManifest | undefined,
): readonly LayerBlob[] | undefined => {
  if (manifest === undefined || manifest.layers.length === 0) return undefined;
  const stored = manifest.layers.every(({ digest }) => context.store.blobs.stat(digest) !== undefined);
  return stored
    ? manifest.layers.map(({ digest, size, mediaType }) => ({ digest, size, mediaType }))
    : undefined;
};

const manifestOf = async (
  context: Context,
  image: DescribedImage,
  lease: Lease,
): Promise<Pick<NewImage, 'manifests' | 'blobs'>> => {
  const layers = transferredLayers(context, image.manifest);
  if (image.manifest === undefined || layers === undefined) return {};
  const { digest } = await context.store.blobs.put(image.manifest.raw, { lease });
  return {
    manifests: [{ digest, mediaType: image.manifest.mediaType }],
    blobs: layers.map((layer) => layer.digest),
  };
};

const linkLayers = async (
  context: Context,
  config: ImageConfig,
  manifest: ImageManifest | undefined,
): Promise<void> => {
  for (const [index, blob] of (transferredLayers(context, manifest) ?? []).entries()) {
    const diffId = config.rootfs.diffIds[index];
    if (diffId !== undefined) await context.store.images.linkLayerBlob(diffId, blob);
  }
};

const warnOfRenames = (context: Context, load: Load, image: DescribedImage, id: string): void => {
  for (const tag of image.tags) {
    const before = context.store.images.byReference(tag);
    if (before === undefined || before.id === id) continue;
    const shown = shownReference(tag);
    load.emit({
      kind: 'status',
      message: `The image ${shown} already exists, renaming the old one with ID ${before.id} to empty string`,
    });
  }
};

const loadOne = async (context: Context, load: Load, image: DescribedImage): Promise<ImageView> => {
  const { store } = context;
  const config = parseImageConfig(image.config);
  const { diffIds } = config.rootfs;
  if (image.layers.length !== diffIds.length) {
    throw libraryErrors.layerCountMismatch({ layers: image.layers.length, diffIds: diffIds.length });
  }
  for (const [index, path] of image.layers.entries()) {
    const diffId = diffIds[index];
    if (diffId !== undefined) await placeLayer(context, load, path, diffId);
  }
  const { digest } = await store.blobs.put(image.config, { lease: load.lease });
  warnOfRenames(context, load, image, digest);
  const record = await store.images.put({
    id: asImageId(digest),
    ...describedBy(config),
    layers: storedLayers(context, diffIds),
    tags: image.tags,
    ...(await manifestOf(context, image, load.lease)),
  });
  await linkLayers(context, config, image.manifest);
  return context.lookup.view(record);
};

const tell = (context: Context, load: Load, view: ImageView, image: DescribedImage): void => {
  announce(context, 'load', view.id);
  for (const tag of image.tags.map(shownReference)) {
    announce(context, 'tag', view.id, tag);
    load.emit({ kind: 'loaded', image: view.id, reference: tag, message: `Loaded image: ${tag}` });
  }
  if (image.tags.length > 0) return;
  load.emit({ kind: 'loaded', image: view.id, message: `Loaded image ID: ${view.id}` });
};

/** `docker load`. The archive is read once; a failure leaves the images that were loaded before it, and nothing else. */
export const loadImages = async (
  context: Context,
  stream: Readable,
  emit: Emit<LibraryEvent>,
  options: Cancellable = {},
): Promise<readonly ImageView[]> => {
  const { signal } = options;
  try {
    await using lease = await context.store.leases.create({ label: 'load' });
    const onLayer = (path: string, size: number): void => {
      const [hex = path] = /[0-9a-f]{12,}/.exec(path) ?? [];
      layerProgress(emit, hex.slice(0, 12)).count('Loading layer', size, size);
    };
    const entries = await readArchive(context, stream, { lease, signal, onLayer });
    const load = { entries, lease, emit, signal };
    const views: ImageView[] = [];
    for (const image of describedImages(entries)) {
      const view = await loadOne(context, load, image);
      tell(context, load, view, image);
      views.push(view);
    }
    return views;
  } catch (error) {
    stream.destroy();
    // The caller learns what went wrong first, not what the clearing up met.
    await context.collect().catch(() => undefined);
    throw error;
  }
};
