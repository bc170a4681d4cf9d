import { descriptorToJson, readDescriptor, type Descriptor } from './descriptor.ts';
import { isDigest, type Digest } from './digest.ts';
import { ociErrors } from './errors.ts';
import { createReader, defined, parseJson, type Fail, type Reader } from './json.ts';
import {
  MEDIA_TYPES,
  isImageConfigType,
  isImageManifestType,
  isIndexType,
  isLayerType,
} from './media-types.ts';
import { isUnknownPlatform } from './platform.ts';

/** Most bytes of a manifest that is read or accepted (distribution-spec asks for at least 4 MB). */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

interface ManifestBase {
  readonly mediaType: string;
  readonly artifactType?: string | undefined;
  /** The manifest that this one is about (a signature, an attestation). */
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** The bytes that were parsed: the digest is taken over these, and they are what is stored and sent. */
  readonly raw: Uint8Array;
}

export interface ImageManifest extends ManifestBase {
  readonly kind: 'image';
  readonly config: Descriptor;
  /** Lowest first. */
  readonly layers: readonly Descriptor[];
}

export interface IndexManifest extends ManifestBase {
  readonly kind: 'index';
  readonly manifests: readonly Descriptor[];
}

export type Manifest = ImageManifest | IndexManifest;

const fail: Fail = (reason) => ociErrors.invalidManifest({ reason });

const genericTypes: ReadonlySet<string> = new Set([
  '',
  'application/json',
  'text/plain',
  'application/octet-stream',
]);

/** The media type without parameters, undefined when it says nothing about the content. */
const specificType = (mediaType: string | undefined): string | undefined => {
  const bare = mediaType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return genericTypes.has(bare) ? undefined : bare;
};

const isSchemaOne = (reader: Reader, mediaType: string | undefined): boolean =>
  reader.raw('schemaVersion') === 1 ||
  mediaType === MEDIA_TYPES.dockerSchema1 ||
  mediaType === MEDIA_TYPES.dockerSchema1Signed;

const resolveType = (reader: Reader, given: string | undefined): string => {
  const inside = specificType(reader.string('mediaType'));
  const outside = specificType(given);
  if (isSchemaOne(reader, inside ?? outside)) throw ociErrors.schemaOneManifest({});
  if (inside !== undefined && outside !== undefined && inside !== outside) {
    throw fail(`it says that it is ${inside} but was delivered as ${outside}`);
  }
  const guessed = reader.raw('manifests') === undefined ? MEDIA_TYPES.ociManifest : MEDIA_TYPES.ociIndex;
  return inside ?? outside ?? guessed;
};

const descriptors = (reader: Reader, key: string): readonly Descriptor[] => {
  const list = reader.list(key);
  if (list === undefined) throw fail(`${key} is missing`);
  return list.map((value, index) => readDescriptor(value, `${key}[${index}]`, fail));
};

const readImage = (reader: Reader, base: ManifestBase): ImageManifest => {
  if (reader.raw('manifests') !== undefined) throw fail('an image manifest must not have "manifests"');
  return {
    kind: 'image',
    ...base,
    config: readDescriptor(reader.raw('config'), 'config', fail),
    layers: descriptors(reader, 'layers'),
  };
};

const readIndex = (reader: Reader, base: ManifestBase): IndexManifest => {
  if (reader.raw('layers') !== undefined || reader.raw('config') !== undefined) {
    throw fail('an index must not have "layers" or "config"');
  }
  return { kind: 'index', ...base, manifests: descriptors(reader, 'manifests') };
};

/**
 * Parses an image manifest or an index of OCI or Docker schema 2. `mediaType` is the Content-Type it came with, and
 * must agree with the one inside. `invalid-argument` when malformed, `unsupported` for schema 1 and other documents.
 */
export const parseManifest = (bytes: Uint8Array, mediaType?: string): Manifest => {
  if (bytes.length > MAX_MANIFEST_BYTES) throw fail(`it is larger than ${MAX_MANIFEST_BYTES} bytes`);
  const reader = createReader(parseJson(bytes, fail), 'the manifest', fail);
  const type = resolveType(reader, mediaType);
  if (!isIndexType(type) && !isImageManifestType(type))
    throw ociErrors.unknownManifestType({ mediaType: type });
  if (reader.raw('schemaVersion') !== 2) throw fail('schemaVersion must be 2');
  const subject = reader.object('subject');
  const base = defined({
    mediaType: type,
    artifactType: reader.string('artifactType'),
    subject: subject === undefined ? undefined : readDescriptor(subject, 'subject', fail),
    annotations: reader.stringMap('annotations'),
    raw: bytes,
  });
  return isIndexType(type) ? readIndex(reader, base) : readImage(reader, base);
};

/** `unsupported` when this is a manifest of Docker schema 1, which registries may name by another digest than its own. */
export const refuseSchemaOne = (bytes: Uint8Array, mediaType?: string): void => {
  const signed = mediaType === MEDIA_TYPES.dockerSchema1 || mediaType === MEDIA_TYPES.dockerSchema1Signed;
  const parsed: unknown = signed ? undefined : parseLeniently(bytes);
  const isOne = typeof parsed === 'object' && parsed !== null && 'schemaVersion' in parsed;
  if (signed || (isOne && parsed.schemaVersion === 1)) throw ociErrors.schemaOneManifest({});
};

const parseLeniently = (bytes: Uint8Array): unknown => {
  try {
    return parseJson(bytes, fail);
  } catch {
    return undefined;
  }
};

/**
 * Whether this is the manifest of a container image, rather than of an artifact that borrows the configuration's media
 * type, as signatures and attestations do.
 */
export const isContainerImage = (manifest: ImageManifest): boolean =>
  isImageConfigType(manifest.config.mediaType) &&
  (manifest.layers.length === 0 || manifest.layers.some((layer) => isLayerType(layer.mediaType)));

/** The annotation by which BuildKit marks an attestation, and the one that names its image's manifest. */
const ATTESTATION_TYPE = 'vnd.docker.reference.type';
const ATTESTATION_SUBJECT = 'vnd.docker.reference.digest';

/** Whether an entry of an index is an attestation about another entry, as BuildKit writes them. */
export const isAttestation = ({ annotations, platform }: Descriptor): boolean =>
  annotations?.[ATTESTATION_TYPE] === 'attestation-manifest' ||
  (platform !== undefined && isUnknownPlatform(platform));

/** The manifest that an attestation is about, where its entry says so. */
export const attestedDigest = ({ annotations }: Descriptor): Digest | undefined => {
  const digest = annotations?.[ATTESTATION_SUBJECT];
  return digest !== undefined && isDigest(digest) ? digest : undefined;
};

const encode = (value: object): Buffer => Buffer.from(JSON.stringify(defined(value)));

const optionalJson = (descriptor: Descriptor | undefined) =>
  descriptor === undefined ? undefined : descriptorToJson(descriptor);

/** The bytes of a new image manifest; the same input gives the same bytes. */
export const encodeImageManifest = (manifest: Omit<ImageManifest, 'kind' | 'raw'>): Buffer =>
  encode({
    schemaVersion: 2,
    mediaType: manifest.mediaType,
    artifactType: manifest.artifactType,
    config: descriptorToJson(manifest.config),
    layers: manifest.layers.map(descriptorToJson),
    subject: optionalJson(manifest.subject),
    annotations: manifest.annotations,
  });

/** The bytes of a new index; the same input gives the same bytes. */
export const encodeIndex = (index: Omit<IndexManifest, 'kind' | 'raw'>): Buffer =>
  encode({
    schemaVersion: 2,
    mediaType: index.mediaType,
    artifactType: index.artifactType,
    manifests: index.manifests.map(descriptorToJson),
    subject: optionalJson(index.subject),
    annotations: index.annotations,
  });
