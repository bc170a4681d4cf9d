import {
  MAX_CONFIG_BYTES,
  asImageId,
  familiarString,
  formatPlatform,
  hostPlatform,
  isAttestation,
  isContainerImage,
  isLayerType,
  parseImageConfig,
  parsePlatform,
  matchPlatform,
  selectPlatform,
  type ImageConfig,
  type ImageManifest,
  type IndexManifest,
  type Descriptor,
} from '#oci';
import type { ManifestLink, NewImage } from '#store';
import type { Context } from './context.ts';
import { describedBy } from './create-image.ts';
import { libraryErrors } from './errors.ts';
import {
  fetchBlob,
  fetchManifest,
  keepManifest,
  type RemoteFetch,
  type RemoteManifest,
} from './remote-content.ts';

/** Indexes within indexes that are followed. */
export const MAX_DEPTH = 4;

/** What a registry says of one image, before its layers. */
export interface RemoteImage {
  readonly kind: 'image';
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/** A manifest of something else than a root file system. */
export interface RemoteArtifact {
  readonly kind: 'artifact';
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
}

export interface FetchRequest extends RemoteFetch {
  readonly platform?: string | undefined;
}

/** Entries of an index that may be images, or indexes with images. */
const candidates = (index: IndexManifest): readonly Descriptor[] =>
  index.manifests.filter((entry) => !isAttestation(entry) && entry.artifactType === undefined);

const choose = (index: IndexManifest, platform: string | undefined): Descriptor => {
  const wanted = platform === undefined ? hostPlatform() : parsePlatform(platform);
  const entries = candidates(index);
  const chosen = selectPlatform(entries, wanted);
  if (chosen !== undefined) return chosen;
  const offered = entries.map((entry) =>
    entry.platform === undefined ? '?' : formatPlatform(entry.platform),
  );
  throw libraryErrors.noMatchingManifest({
    wanted: formatPlatform(wanted),
    offered: offered.length === 0 ? 'none' : offered.join(', '),
  });
};

const imageManifestIn = async (
  context: Context,
  top: RemoteManifest,
  request: FetchRequest,
): Promise<{ readonly descriptor: Descriptor; readonly manifest: ImageManifest }> => {
  let found = top;
  for (let depth = 0; depth <= MAX_DEPTH; depth += 1) {
    const { manifest, descriptor } = found;
    if (manifest.kind === 'image') return { descriptor, manifest };
    found = await fetchManifest(context, choose(manifest, request.platform), request);
  }
  throw libraryErrors.indexTooDeep({ name: familiarString(request.repository.reference) });
};

/** The configuration of an image manifest, checked against it. */
export const fetchConfig = async (
  context: Context,
  manifest: ImageManifest,
  fetch: RemoteFetch,
): Promise<ImageConfig> => {
  const { digest } = manifest.config;
  await fetchBlob(context, manifest.config, fetch);
  const config = parseImageConfig(await context.store.blobs.read(digest, { maxBytes: MAX_CONFIG_BYTES }));
  const layers = manifest.layers.length;
  const diffIds = config.rootfs.diffIds.length;
  if (layers !== diffIds) throw libraryErrors.layerCountMismatch({ layers, diffIds });
  return config;
};

const assertPlatform = (config: ImageConfig, request: FetchRequest): void => {
  if (request.platform === undefined) return;
  const wanted = parsePlatform(request.platform);
  if (matchPlatform(config, wanted)) return;
  throw libraryErrors.wrongPlatform({
    name: familiarString(request.repository.reference),
    wanted: formatPlatform(wanted),
    found: formatPlatform(config),
  });
};

/** Fetches the manifest that the reference means. */
export const fetchTop = async (context: Context, fetch: RemoteFetch): Promise<RemoteManifest> =>
  keepManifest(context, await fetch.repository.resolve(undefined, { signal: fetch.signal }), fetch.lease);

/** Of what the reference means: the image for a platform with its configuration, or the artifact. */
export const fetchImage = async (
  context: Context,
  top: RemoteManifest,
  request: FetchRequest,
): Promise<RemoteImage | RemoteArtifact> => {
  const { descriptor, manifest } = await imageManifestIn(context, top, request);
  if (!isContainerImage(manifest)) return { kind: 'artifact', descriptor, manifest };
  const config = await fetchConfig(context, manifest, request);
  assertPlatform(config, request);
  return { kind: 'image', descriptor, manifest, config };
};

const linkOf = ({ digest, mediaType }: Descriptor): ManifestLink => ({ digest, mediaType });

/** The record of an image whose blobs or layers are stored. */
export const pulledImage = (
  context: Context,
  { config, manifest, descriptor }: RemoteImage,
  top: RemoteManifest,
): NewImage => {
  const { store, layers } = context;
  const infos = config.rootfs.diffIds.map((diffId) => layers.info(diffId));
  const unpacked = infos.every((info) => info !== undefined);
  const links = [linkOf(top.descriptor), linkOf(descriptor)];
  const stored = manifest.layers
    .map((layer, index) => ({ ...linkOf(layer), diffId: config.rootfs.diffIds[index] }))
    .filter(({ digest }) => store.blobs.stat(digest) !== undefined);
  return {
    id: asImageId(manifest.config.digest),
    ...describedBy(config),
    layers: config.rootfs.diffIds.map((diffId, index) => ({
      diffId,
      size: (unpacked ? infos[index]?.size : manifest.layers[index]?.size) ?? 0,
    })),
    unpacked,
    manifests: links.filter((link, index) => index === 0 || link.digest !== top.descriptor.digest),
    blobs: stored.map(({ digest }) => digest),
    layerBlobs: stored.flatMap(({ diffId, ...link }) =>
      diffId === undefined || !isLayerType(link.mediaType) ? [] : [{ ...link, diffId }],
    ),
  };
};

/** The record of an artifact, which is known by the digest of its manifest; or of an index without images. */
export const pulledArtifact = ({ descriptor }: RemoteManifest, blobs: readonly Descriptor[]): NewImage => ({
  id: asImageId(descriptor.digest),
  kind: 'artifact',
  platform: { os: 'unknown', architecture: 'unknown' },
  layers: [],
  size: blobs.reduce((sum, blob) => sum + blob.size, 0),
  manifests: [linkOf(descriptor)],
  blobs: blobs.map((blob) => blob.digest),
});
