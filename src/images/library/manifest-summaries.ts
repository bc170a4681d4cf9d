import {
  asImageId,
  attestedDigest,
  descriptorToJson,
  isAttestation,
  isContainerImage,
  isImageManifestType,
  isIndexType,
  MAX_MANIFEST_BYTES,
  parseManifest,
  type Descriptor,
  type Digest,
  type ImageManifest,
  type Manifest,
  type Platform,
} from '#oci';
import type { ImageRecord, ImageReference, ManifestLink } from '#store';
import type { Context } from './context.ts';
import type { ManifestSummary } from './types.ts';

const MEDIA_TYPE_OF_NONE = 'application/vnd.oci.image.config.v1+json';

const readManifest = ({ store }: Context, link: ManifestLink): Manifest | undefined =>
  store.blobs.stat(link.digest) === undefined
    ? undefined
    : parseManifest(store.blobs.readNow(link.digest, { maxBytes: MAX_MANIFEST_BYTES }), link.mediaType);

const platformJson = ({ os, architecture, variant, osVersion, osFeatures }: Platform) => ({
  architecture,
  os,
  ...(variant === undefined ? {} : { variant }),
  ...(osVersion === undefined ? {} : { 'os.version': osVersion }),
  ...(osFeatures === undefined ? {} : { 'os.features': osFeatures }),
});

const containersOf = ({ store }: Context, record: ImageRecord | undefined): readonly string[] =>
  record === undefined
    ? []
    : store.holds
        .holdersOf(record.id)
        .filter((holder) => holder.kind === 'container')
        .map((holder) => holder.id);

/** Bytes of the blobs that are stored of these. */
const storedBytes = ({ store }: Context, digests: Iterable<Digest>): number =>
  [...new Set(digests)].reduce((sum, digest) => sum + (store.blobs.stat(digest)?.size ?? 0), 0);

const blobsOf = (manifest: ImageManifest): readonly Digest[] => [
  manifest.config.digest,
  ...manifest.layers.map((layer) => layer.digest),
];

interface Facts {
  readonly content: number;
  readonly unpacked: number;
}

const sizeOf = ({ content, unpacked }: Facts) => ({ Content: content, Total: content + unpacked });

const ofAttestation = (descriptor: Descriptor, facts: Facts, available: boolean): ManifestSummary => ({
  ID: descriptor.digest,
  Descriptor: descriptorToJson(descriptor),
  Available: available,
  Size: sizeOf(facts),
  Kind: 'attestation',
  AttestationData: { For: attestedDigest(descriptor) ?? '' },
});

const ofImage = (
  context: Context,
  descriptor: Descriptor,
  parts: { readonly facts: Facts; readonly available: boolean; readonly record: ImageRecord | undefined },
): ManifestSummary => ({
  ID: descriptor.digest,
  Descriptor: descriptorToJson(descriptor),
  Available: parts.available,
  Size: sizeOf(parts.facts),
  Kind: 'image',
  ImageData: {
    Platform: platformJson(
      descriptor.platform ?? parts.record?.platform ?? { os: 'unknown', architecture: 'unknown' },
    ),
    Size: { Unpacked: parts.facts.unpacked },
    Containers: containersOf(context, parts.record),
  },
});

const isWhole = ({ store }: Context, manifest: ImageManifest, record: ImageRecord | undefined): boolean =>
  store.blobs.stat(manifest.config.digest) !== undefined &&
  (record?.unpacked === true ||
    manifest.layers.every(({ digest }) => store.blobs.stat(digest) !== undefined));

/** One manifest, whether it is stored or only named by an index. */
const summaryOf = (context: Context, descriptor: Descriptor): ManifestSummary => {
  const manifest = readManifest(context, descriptor);
  if (manifest?.kind !== 'image') {
    const facts = { content: 0, unpacked: 0 };
    if (isAttestation(descriptor)) return ofAttestation(descriptor, facts, false);
    return ofImage(context, descriptor, { facts, available: false, record: undefined });
  }
  const record = context.store.images.get(asImageId(manifest.config.digest));
  const content = storedBytes(context, [descriptor.digest, ...blobsOf(manifest)]);
  const facts = { content, unpacked: record?.unpacked === true ? record.size : 0 };
  const available = isWhole(context, manifest, record);
  if (isAttestation(descriptor)) return ofAttestation(descriptor, facts, available);
  if (isContainerImage(manifest)) return ofImage(context, descriptor, { facts, available, record });
  return {
    ID: descriptor.digest,
    Descriptor: descriptorToJson(descriptor),
    Available: available,
    Size: sizeOf(facts),
    Kind: 'unknown',
  };
};

/** All manifests below a target, those of indexes inside it included. Each index is read once, however often it is named. */
const manifestsBelow = (
  context: Context,
  descriptor: Descriptor,
  seen: Set<Digest> = new Set(),
): readonly Descriptor[] => {
  if (!isIndexType(descriptor.mediaType)) return [descriptor];
  if (seen.has(descriptor.digest)) return [];
  seen.add(descriptor.digest);
  const manifest = readManifest(context, descriptor);
  if (manifest?.kind !== 'index') return [descriptor];
  return manifest.manifests.flatMap((entry) => manifestsBelow(context, entry, seen));
};

/** An image that was made here and never pushed: its configuration stands for the manifest that it has not. */
const ofConfiguration = (context: Context, record: ImageRecord): ManifestSummary => {
  const size = context.store.blobs.stat(record.id)?.size ?? 0;
  const descriptor: Descriptor = { mediaType: MEDIA_TYPE_OF_NONE, digest: record.id, size };
  return ofImage(context, descriptor, {
    facts: { content: size, unpacked: record.size },
    available: true,
    record,
  });
};

const describe = ({ store }: Context, { digest, mediaType }: ManifestLink): Descriptor => ({
  mediaType,
  digest,
  size: store.blobs.stat(digest)?.size ?? 0,
});

/** What the names of an image were resolved to, or else the manifests that it came with; the first is the main one. */
export const targetsOfImage = (
  context: Context,
  record: ImageRecord,
  references: readonly ImageReference[],
): readonly Descriptor[] => {
  const named = references.flatMap(({ target }) => (target === undefined ? [] : [target]));
  const links =
    named.length > 0
      ? named
      : record.manifests.filter((link) => isImageManifestType(link.mediaType)).slice(0, 1);
  return [...new Map(links.map((link) => [link.digest, describe(context, link)])).values()];
};

/**
 * The manifests of a listed image as API 1.47 shows them: of an index all, whether stored or not, attestations as well.
 */
export const manifestSummaries = (
  context: Context,
  record: ImageRecord,
  references: readonly ImageReference[],
): readonly ManifestSummary[] => {
  const below = targetsOfImage(context, record, references).flatMap((target) =>
    manifestsBelow(context, target),
  );
  if (below.length === 0) return [ofConfiguration(context, record)];
  return [...new Map(below.map((entry) => [entry.digest, entry])).values()].map((entry) =>
    summaryOf(context, entry),
  );
};
