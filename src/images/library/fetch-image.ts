import type { FetchedManifest, RemoteRepository } from '#distribution';
import {
  MAX_CONFIG_BYTES,
  familiarString,
  formatPlatform,
  hostPlatform,
  isImageConfigType,
  parseImageConfig,
  parseManifest,
  parsePlatform,
  matchPlatform,
  selectPlatform,
  type ImageConfig,
  type ImageManifest,
  type IndexManifest,
  type Descriptor,
} from '#oci';
import type { Lease, ManifestLink } from '#store';
import type { Context } from './context.ts';
import { libraryErrors } from './errors.ts';

/** What a registry says of one image, before its layers. */
export interface RemoteImage {
  /** What the reference resolved to: an index, or the manifest itself. */
  readonly top: FetchedManifest;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  readonly links: readonly ManifestLink[];
}

export interface FetchRequest {
  readonly repository: RemoteRepository;
  readonly lease: Lease;
  readonly platform?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

const choose = (index: IndexManifest, platform: string | undefined): Descriptor => {
  const wanted = platform === undefined ? hostPlatform() : parsePlatform(platform);
  const chosen = selectPlatform(index.manifests, wanted);
  if (chosen !== undefined) return chosen;
  const offered = index.manifests.map((entry) =>
    entry.platform === undefined ? '?' : formatPlatform(entry.platform),
  );
  throw libraryErrors.noMatchingManifest({
    wanted: formatPlatform(wanted),
    offered: offered.length === 0 ? 'none' : offered.join(', '),
  });
};

/** Stores a manifest as it came; under sha256, whatever the digest it was asked for by. */
const keep = async (context: Context, fetched: FetchedManifest, lease: Lease): Promise<ManifestLink> => {
  const { digest } = await context.store.blobs.put(fetched.bytes, { lease });
  return { digest, mediaType: fetched.descriptor.mediaType };
};

const resolveManifest = async (context: Context, request: FetchRequest) => {
  const { repository, lease, platform, signal } = request;
  const top = await repository.resolve(undefined, { signal });
  const parsed = parseManifest(top.bytes, top.descriptor.mediaType);
  const first = await keep(context, top, lease);
  if (parsed.kind === 'image') return { top, manifest: parsed, links: [first] };
  const chosen = await repository.manifest(choose(parsed, platform), { signal });
  const manifest = parseManifest(chosen.bytes, chosen.descriptor.mediaType);
  if (manifest.kind !== 'image') {
    throw libraryErrors.notAnImage({
      name: familiarString(repository.reference),
      mediaType: manifest.mediaType,
    });
  }
  return { top, manifest, links: [first, await keep(context, chosen, lease)] };
};

const fetchConfig = async (
  context: Context,
  request: FetchRequest,
  descriptor: Descriptor,
): Promise<ImageConfig> => {
  const { repository, lease, signal } = request;
  const { blobs } = context.store;
  await lease.protect('blob', descriptor.digest);
  if (blobs.stat(descriptor.digest) === undefined) {
    await context.downloads.fetch({ descriptor, repository, signal }).finished;
  }
  return parseImageConfig(await blobs.read(descriptor.digest, { maxBytes: MAX_CONFIG_BYTES }));
};

const assertSound = (manifest: ImageManifest, config: ImageConfig): void => {
  const layers = manifest.layers.length;
  const diffIds = config.rootfs.diffIds.length;
  if (layers !== diffIds) throw libraryErrors.layerCountMismatch({ layers, diffIds });
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

/** Fetches manifests and configuration, and checks that they belong together. */
export const fetchImage = async (context: Context, request: FetchRequest): Promise<RemoteImage> => {
  const { top, manifest, links } = await resolveManifest(context, request);
  if (!isImageConfigType(manifest.config.mediaType)) {
    const mediaType = manifest.artifactType ?? manifest.config.mediaType;
    throw libraryErrors.notAnImage({ name: familiarString(request.repository.reference), mediaType });
  }
  const config = await fetchConfig(context, request, manifest.config);
  assertSound(manifest, config);
  assertPlatform(config, request);
  return { top, manifest, config, links };
};
