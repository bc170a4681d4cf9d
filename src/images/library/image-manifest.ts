import {
  MEDIA_TYPES,
  encodeImageManifest,
  isImageManifestType,
  parseManifest,
  type Descriptor,
  type ImageManifest,
} from '#oci';
import type { ImageRecord, Lease, NewImage } from '#store';
import type { Context } from './context.ts';
import { describedBy } from './create-image.ts';

/** A manifest of an image whose content is all here. */
export interface StoredManifest {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
}

const readManifest = async (
  context: Context,
  link: ImageRecord['manifests'][number],
): Promise<StoredManifest | undefined> => {
  const info = context.store.blobs.stat(link.digest);
  if (info === undefined) return undefined;
  const manifest = parseManifest(await context.store.blobs.read(link.digest), link.mediaType);
  if (manifest.kind !== 'image') return undefined;
  return { manifest, descriptor: { mediaType: manifest.mediaType, digest: link.digest, size: info.size } };
};

/** The manifests that an image came with or was given. */
export const manifestsOf = async (
  context: Context,
  record: ImageRecord,
): Promise<readonly StoredManifest[]> => {
  const links = record.manifests.filter((link) => isImageManifestType(link.mediaType));
  const read = await Promise.all(links.map((link) => readManifest(context, link)));
  return read.filter((stored) => stored !== undefined);
};

/** Whether all layers of the manifest are stored as it names them. */
export const isWhole = (context: Context, { manifest }: StoredManifest): boolean =>
  manifest.layers.every((layer) => context.store.blobs.stat(layer.digest) !== undefined);

/** Lets an image keep more blobs and manifests than it has. */
export const keepWith = async (
  context: Context,
  record: ImageRecord,
  more: Pick<NewImage, 'manifests' | 'blobs'>,
): Promise<void> => {
  await context.store.images.put({
    id: record.id,
    ...describedBy(context.lookup.config(record.id)),
    layers: record.diffIds.map((diffId, index) => ({ diffId, size: record.layerSizes[index] ?? 0 })),
    ...more,
  });
};

/** Writes a manifest over layers that are stored as blobs, and records it with the image. */
export const giveManifest = async (
  context: Context,
  record: ImageRecord,
  layers: readonly Descriptor[],
  lease: Lease,
): Promise<StoredManifest> => {
  const { store } = context;
  const size = store.blobs.stat(record.id)?.size ?? 0;
  const bytes = encodeImageManifest({
    mediaType: MEDIA_TYPES.ociManifest,
    config: { mediaType: MEDIA_TYPES.ociConfig, digest: record.id, size },
    layers,
  });
  const info = await store.blobs.put(bytes, { lease });
  const descriptor: Descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: info.digest, size: info.size };
  const parsed = parseManifest(bytes);
  if (parsed.kind !== 'image') throw new TypeError('an image manifest was written as something else');
  await keepWith(context, record, {
    manifests: [{ digest: info.digest, mediaType: descriptor.mediaType }],
    blobs: layers.map((layer) => layer.digest),
  });
  return { descriptor, manifest: parsed };
};
