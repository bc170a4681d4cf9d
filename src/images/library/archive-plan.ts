import type { Readable } from 'node:stream';
import {
  MEDIA_TYPES,
  algorithmOf,
  encodeImageManifest,
  hexOf,
  sha256Of,
  type Descriptor,
  type Digest,
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
  readonly record: ImageRecord;
  /** Canonical. */
  readonly tags: readonly string[];
  readonly manifest: Descriptor;
  readonly layers: readonly Digest[];
  readonly files: readonly ArchiveFile[];
}

/** Where content is in an OCI layout (image-spec image-layout.md). */
export const layoutPath = (digest: Digest): string => `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;

const blobFile = (context: Context, { digest, size }: Pick<Descriptor, 'digest' | 'size'>): ArchiveFile => ({
  digest,
  size,
  content: () => context.store.blobs.stream(digest),
});

/** With the manifest and the compressed layers as they came, so that digests stay what they are. */
const asTransferred = async (context: Context, record: ImageRecord) => {
  const whole = (await manifestsOf(context, record)).find((stored) => isWhole(context, stored));
  if (whole === undefined) return undefined;
  const { descriptor, manifest } = whole;
  return {
    manifest: descriptor,
    layers: manifest.layers.map((layer) => layer.digest),
    files: [descriptor, ...manifest.layers].map((item) => blobFile(context, item)),
  };
};

/** With a manifest over uncompressed layers, for an image that was never compressed. */
const uncompressed = (context: Context, record: ImageRecord) => {
  const layers = record.diffIds.map((digest, index) => ({
    mediaType: MEDIA_TYPES.ociLayer,
    digest,
    size: record.layerSizes[index] ?? 0,
  }));
  const size = context.store.blobs.stat(record.id)?.size ?? 0;
  const config = { mediaType: MEDIA_TYPES.ociConfig, digest: record.id, size };
  const bytes = encodeImageManifest({ mediaType: MEDIA_TYPES.ociManifest, config, layers });
  const digest = sha256Of(bytes);
  const files = record.diffIds.map((diffId, index): ArchiveFile => {
    return { digest: diffId, size: layers[index]?.size ?? 0, content: () => context.layers.openTar(diffId) };
  });
  return {
    manifest: { mediaType: MEDIA_TYPES.ociManifest, digest, size: bytes.length },
    layers: record.diffIds,
    files: [{ digest, size: bytes.length, content: bytes }, ...files],
  };
};

/** What the archive holds of one image. */
export const planImage = async (
  context: Context,
  record: ImageRecord,
  tags: readonly string[],
): Promise<ArchiveImage> => {
  const size = context.store.blobs.stat(record.id)?.size ?? 0;
  const config = blobFile(context, { digest: record.id, size });
  const plan = (await asTransferred(context, record)) ?? uncompressed(context, record);
  return { record, tags, ...plan, files: [config, ...plan.files] };
};
