import { promisify } from 'node:util';
import { gzip, zstdCompress } from 'node:zlib';
import { MEDIA_TYPES, layerCompression, type LayerCompression } from '#oci';

/** Bytes of a layer that are compressed by themselves. */
export const MEMBER_BYTES = 1024 * 1024;

/** More memory for the window makes it faster; room for a whole member saves the way to the threads and back. */
const GZIP = { level: 4, memLevel: 9, chunkSize: MEMBER_BYTES };
const ZSTD = { chunkSize: MEMBER_BYTES };

type Compress = (bytes: Buffer) => Promise<Buffer>;

const asGzip: Compress = promisify((bytes: Buffer, done: (error: Error | null, result: Buffer) => void) =>
  gzip(bytes, GZIP, done),
);
const asZstd: Compress = promisify((bytes: Buffer, done: (error: Error | null, result: Buffer) => void) =>
  zstdCompress(bytes, ZSTD, done),
);

/** How one member is compressed; the same bytes give the same result. */
export const COMPRESSORS: Readonly<Record<LayerCompression, Compress>> = {
  gzip: asGzip,
  zstd: asZstd,
  none: (bytes) => Promise.resolve(bytes),
};

const OCI_TYPES: Readonly<Record<LayerCompression, string>> = {
  gzip: MEDIA_TYPES.ociLayerGzip,
  zstd: MEDIA_TYPES.ociLayerZstd,
  none: MEDIA_TYPES.ociLayer,
};

const DOCKER_TYPES: Readonly<Record<LayerCompression, string>> = {
  gzip: MEDIA_TYPES.dockerLayerGzip,
  zstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
  none: MEDIA_TYPES.dockerLayer,
};

/** The media type of a layer in OCI's words. */
export const ociLayerType = (compression: LayerCompression): string => OCI_TYPES[compression];

/** The same layer in the words of the manifest that names it; layers that lie elsewhere keep theirs. */
export const layerTypeIn = (family: 'oci' | 'docker', mediaType: string): string => {
  const compression = layerCompression(mediaType);
  if (compression === undefined || mediaType.includes('foreign') || mediaType.includes('nondistributable'))
    return mediaType;
  return (family === 'oci' ? OCI_TYPES : DOCKER_TYPES)[compression];
};
