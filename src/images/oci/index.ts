export {
  algorithmOf,
  asDiffId,
  asImageId,
  chainIds,
  digestOf,
  hexOf,
  isDigest,
  matchesDigest,
  parseDiffId,
  parseDigest,
  parseImageId,
  sha256Of,
  shortId,
  type ChainId,
  type DiffId,
  type Digest,
  type DigestAlgorithm,
  type ImageId,
} from './digest.ts';
export {
  canonicalString,
  familiarName,
  familiarString,
  isTag,
  parseImageIdOrReference,
  parseReference,
  repositoryName,
  withDigest,
  withTag,
  type ImageName,
  type Reference,
  type ReferenceOptions,
} from './reference.ts';
export {
  formatPlatform,
  hostPlatform,
  isKnownPlatform,
  matchPlatform,
  normalizePlatform,
  parsePlatform,
  selectPlatform,
  type Platform,
} from './platform.ts';
export {
  MANIFEST_MEDIA_TYPES,
  MEDIA_TYPES,
  isForeignLayer,
  isImageConfigType,
  isImageManifestType,
  isIndexType,
  isLayerType,
  layerCompression,
  type LayerCompression,
} from './media-types.ts';
export { descriptorToJson, type Descriptor } from './descriptor.ts';
export {
  MAX_MANIFEST_BYTES,
  encodeImageManifest,
  attestedDigest,
  encodeIndex,
  isAttestation,
  isContainerImage,
  parseManifest,
  refuseSchemaOne,
  type ImageManifest,
  type IndexManifest,
  type Manifest,
} from './manifest.ts';
export type { ContainerConfig, Healthcheck, JsonSet } from './container-config.ts';
export {
  MAX_CONFIG_BYTES,
  encodeImageConfig,
  parseImageConfig,
  type HistoryEntry,
  type ImageConfig,
} from './image-config.ts';
export { ociErrors } from './errors.ts';
