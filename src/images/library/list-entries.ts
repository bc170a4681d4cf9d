import type { RegistryClient } from '#distribution';
import { isLadeError } from '#errors';
import {
  MAX_CONFIG_BYTES,
  canonicalString,
  isContainerImage,
  parseImageConfig,
  parseReference,
  repositoryName,
  type Descriptor,
  type Digest,
  type ImageConfig,
  type ImageManifest,
  type Platform,
} from '#oci';
import type { ImageRecord, Lease, ListEntry } from '#store';
import { compressedLayer } from './compress-layer.ts';
import type { Context } from './context.ts';
import { libraryErrors } from './errors.ts';
import { giveManifest, isWhole, keepWith, manifestsOf, type StoredManifest } from './image-manifest.ts';
import { fetchBlob, keepManifest } from './remote-content.ts';
import type { Cancellable } from './types.ts';

export interface Gathering extends Cancellable {
  readonly client: RegistryClient;
  readonly lease: Lease;
}

/** An entry with the blobs that are stored for it. */
export interface Gathered {
  readonly entry: ListEntry;
  readonly blobs: readonly Digest[];
}

const platformOf = ({ os, architecture, variant, osVersion }: ImageConfig): Platform => ({
  os,
  architecture,
  ...(variant === undefined ? {} : { variant }),
  ...(osVersion === undefined ? {} : { osVersion }),
});

const blobsOf = ({ config, layers }: ImageManifest): readonly Digest[] => [
  config.digest,
  ...layers.map((layer) => layer.digest),
];

/** The manifest of an image that is here; made now, over compressed layers, where it never had one. */
const ownManifest = async (
  context: Context,
  record: ImageRecord,
  { lease, signal }: Gathering,
): Promise<StoredManifest | undefined> => {
  const known = (await manifestsOf(context, record)).find((stored) => isWhole(context, stored));
  if (known !== undefined) return known;
  if (!record.unpacked) return undefined;
  const layers: Descriptor[] = [];
  for (const diffId of record.diffIds) {
    const { mediaType, digest, size } = await compressedLayer(context, diffId, { lease, signal });
    await keepWith(context, record, { blobs: [digest] });
    layers.push({ mediaType, digest, size });
  }
  return giveManifest(context, record, layers, lease);
};

/** An artifact runs on no platform: its entry says its type instead. */
const artifactEntry = ({ descriptor, manifest }: StoredManifest): Descriptor => ({
  ...descriptor,
  artifactType: manifest.artifactType ?? manifest.config.mediaType,
});

const fromStore = async (
  context: Context,
  reference: string,
  gathering: Gathering,
): Promise<Gathered | undefined> => {
  const { images } = context.store;
  const named = images.reference(reference);
  const record = named === undefined ? undefined : images.get(named.image);
  if (record === undefined) return undefined;
  await gathering.lease.protect('image', record.id);
  const stored = await ownManifest(context, record, gathering);
  if (stored === undefined) return undefined;
  const descriptor: Descriptor =
    record.kind === 'artifact'
      ? artifactEntry(stored)
      : { ...stored.descriptor, platform: platformOf(context.lookup.config(record.id)) };
  const present = blobsOf(stored.manifest).filter((digest) => context.store.blobs.stat(digest) !== undefined);
  return {
    entry: { reference, descriptor, from: 'store' },
    blobs: [stored.descriptor.digest, ...present],
  };
};

const fromRegistry = async (context: Context, name: string, gathering: Gathering): Promise<Gathered> => {
  const { client, lease, signal } = gathering;
  const reference = parseReference(name);
  const repository = client.repository(reference);
  const fetched = await repository.resolve(undefined, { signal });
  const { descriptor, manifest } = await keepManifest(context, fetched, lease);
  if (manifest.kind === 'index') throw libraryErrors.listInList({ name });
  const entry = { reference: `${repositoryName(reference)}@${descriptor.digest}`, from: 'registry' } as const;
  if (!isContainerImage(manifest)) {
    const artifact = artifactEntry({ descriptor, manifest });
    return { entry: { ...entry, descriptor: artifact }, blobs: [descriptor.digest] };
  }
  await fetchBlob(context, manifest.config, { repository, lease, signal, emit: () => undefined });
  const bytes = await context.store.blobs.read(manifest.config.digest, { maxBytes: MAX_CONFIG_BYTES });
  const platform = platformOf(parseImageConfig(bytes));
  return {
    entry: { ...entry, descriptor: { ...descriptor, platform } },
    blobs: [descriptor.digest, manifest.config.digest],
  };
};

/** What a list is to know of an image: of one that is here, or else of the one in its registry. */
export const gatherEntry = async (
  context: Context,
  name: string,
  gathering: Gathering,
): Promise<Gathered> => {
  const reference = canonicalString(parseReference(name));
  const own = await fromStore(context, reference, gathering);
  if (own !== undefined) return own;
  try {
    return await fromRegistry(context, reference, gathering);
  } catch (error) {
    if (isLadeError(error, 'not-found')) throw libraryErrors.manifestNotFound({ name }, error);
    throw error;
  }
};
