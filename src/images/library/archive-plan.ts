import type { Readable } from 'node:stream';
import {
  MEDIA_TYPES,
  algorithmOf,
  encodeImageManifest,
  hexOf,
  layerCompression,
  sha256Of,
  type Descriptor,
  type Digest,
  type DiffId,
  type ImageManifest,
} from '#oci';
import type { ImageRecord } from '#store';
import type { Context } from './context.ts';
import { isWhole, manifestsOf } from './image-manifest.ts';

/** A file of the archive. */
export interface ArchiveFile {
  readonly digest: Digest;
  readonly size: number;
  readonly content: Uint8Array | (() => Readable);
}

/** One image of an archive. */
export interface ArchiveImage {
  readonly record: Pick<ImageRecord, 'id'>;
  readonly manifest: Descriptor;
  /** Files that manifest.json names, lowest first; Docker before 23.0 reads them plain or as gzip only. */
  readonly layers: readonly Digest[];
  /** Manifest and configuration. */
  readonly documents: readonly ArchiveFile[];
  readonly files: readonly ArchiveFile[];
}

/** Layers that are left out of an archive. */
export type Left = ReadonlySet<DiffId>;

/** Where content is in an OCI layout (image-spec image-layout.md). */
export const layoutPath = (digest: Digest): string => `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;

export const blobFile = (
  context: Context,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
): ArchiveFile => ({
  digest,
  size,
  content: () => context.store.blobs.stream(digest),
});

const tarFile = (context: Context, diffId: DiffId): ArchiveFile => ({
  digest: diffId,
  size: context.layers.info(diffId)?.size ?? 0,
  content: () => context.layers.openTar(diffId),
});

interface Layer {
  readonly diffId: DiffId | undefined;
  readonly descriptor: Descriptor;
}

const layersOf = (record: ImageRecord, manifest: ImageManifest): readonly Layer[] =>
  manifest.layers.map((descriptor, index) => ({ diffId: record.diffIds[index], descriptor }));

/** What manifest.json names for a layer: its uncompressed tar where readers could not make sense of the blob. */
const readable = (context: Context, { diffId, descriptor }: Layer): Digest => {
  const plain = layerCompression(descriptor.mediaType) !== 'zstd';
  if (plain || diffId === undefined || context.layers.info(diffId) === undefined) return descriptor.digest;
  return diffId;
};

/** What manifest.json names for the layers of an image, and the uncompressed tars that it needs beside the blobs. */
export const readableLayers = (
  context: Context,
  image: { readonly diffIds: readonly DiffId[]; readonly layers: readonly Descriptor[] },
): { readonly digests: readonly Digest[]; readonly more: readonly ArchiveFile[] } => {
  const layers = image.layers.map((descriptor, index) => ({ diffId: image.diffIds[index], descriptor }));
  const plain = layers.filter((layer) => readable(context, layer) !== layer.descriptor.digest);
  return {
    digests: layers.map((layer) => readable(context, layer)),
    more: plain.flatMap(({ diffId }) => (diffId === undefined ? [] : [tarFile(context, diffId)])),
  };
};

const isLeft = (left: Left, { diffId }: Layer): boolean => diffId !== undefined && left.has(diffId);

/** With the manifest and the compressed layers as they came, so that digests stay what they are. */
const asTransferred = async (context: Context, record: ImageRecord, left: Left) => {
  const whole = (await manifestsOf(context, record)).find((stored) => isWhole(context, stored));
  if (whole === undefined) return undefined;
  const { descriptor, manifest } = whole;
  const layers = layersOf(record, manifest);
  const present = layers.filter((layer) => !isLeft(left, layer));
  const plain = present
    .filter((layer) => readable(context, layer) !== layer.descriptor.digest)
    .map(({ diffId }) => diffId)
    .filter((diffId) => diffId !== undefined);
  return {
    manifest: descriptor,
    layers: layers.map((layer) => readable(context, layer)),
    document: blobFile(context, descriptor),
    files: [
      ...present.map((layer) => blobFile(context, layer.descriptor)),
      ...plain.map((diffId) => tarFile(context, diffId)),
    ],
  };
};

/** With a manifest over uncompressed layers, for an image that was never compressed. */
const uncompressed = (context: Context, record: ImageRecord, left: Left) => {
  const layers = record.diffIds.map((digest, index) => ({
    mediaType: MEDIA_TYPES.ociLayer,
    digest,
    size: record.layerSizes[index] ?? 0,
  }));
  const size = context.store.blobs.stat(record.id)?.size ?? 0;
  const config = { mediaType: MEDIA_TYPES.ociConfig, digest: record.id, size };
  const bytes = encodeImageManifest({ mediaType: MEDIA_TYPES.ociManifest, config, layers });
  const digest = sha256Of(bytes);
  return {
    manifest: { mediaType: MEDIA_TYPES.ociManifest, digest, size: bytes.length },
    layers: record.diffIds,
    document: { digest, size: bytes.length, content: bytes },
    files: record.diffIds.filter((diffId) => !left.has(diffId)).map((diffId) => tarFile(context, diffId)),
  };
};

/** What the archive holds of one image. */
export const planImage = async (context: Context, record: ImageRecord, left: Left): Promise<ArchiveImage> => {
  const size = context.store.blobs.stat(record.id)?.size ?? 0;
  const config = blobFile(context, { digest: record.id, size });
  const { document, ...plan } =
    (await asTransferred(context, record, left)) ?? uncompressed(context, record, left);
  return { record, ...plan, documents: [document, config] };
};
