import { isDigest, type Digest } from '#oci';
import { metadataErrors } from './errors.ts';
import { isIndexType, isImageType, manifestTypeOf, namesManifest } from './manifest-types.ts';

/** What the registry must know of a manifest; the bytes themselves are never rewritten. */
export interface ManifestFacts {
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly subject: Digest | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  /** Blobs that must be in the repository. */
  readonly blobs: readonly Digest[];
  /** Blobs that it keeps where the repository has them, and that may be absent. */
  readonly optionalBlobs: readonly Digest[];
  /** Manifests it lists; they may be absent (sparse indexes). */
  readonly manifests: readonly Digest[];
}

type Members = Readonly<Record<string, unknown>>;

/** What a descriptor says, as far as it matters here. Read by hand: an index may have tens of thousands of them. */
interface Entry {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly isElsewhere: boolean;
}

const invalid = (path: string, reason: string): Error =>
  metadataErrors.manifestInvalid({ reason: `${path}: ${reason}` });

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const readEntry = (value: unknown, path: string): Entry => {
  if (!isObject(value)) throw invalid(path, 'not a descriptor');
  const { mediaType, digest, size, urls } = value;
  if (typeof mediaType !== 'string') throw invalid(`${path}.mediaType`, 'not a string');
  if (typeof digest !== 'string' || !isDigest(digest)) throw invalid(`${path}.digest`, 'not a digest');
  if (!Number.isSafeInteger(size) || Number(size) < 0) throw invalid(`${path}.size`, 'not a size');
  return { mediaType, digest, isElsewhere: Array.isArray(urls) && urls.length > 0 };
};

const readEntries = (value: Members, name: string): readonly Entry[] => {
  const list = value[name] ?? [];
  if (!Array.isArray(list)) throw invalid(name, 'not a list');
  return list.map((member: unknown, index) => readEntry(member, `${name}.${index}`));
};

const readAnnotations = (value: unknown): Readonly<Record<string, string>> | undefined => {
  if ((value ?? undefined) === undefined) return undefined;
  if (isObject(value) && Object.values(value).every((text) => typeof text === 'string'))
    return value as Readonly<Record<string, string>>;
  throw invalid('annotations', 'not strings by name');
};

const readArtifactType = ({ artifactType = null }: Members): string | undefined => {
  if (artifactType === null || artifactType === '') return undefined;
  if (typeof artifactType === 'string') return artifactType;
  throw invalid('artifactType', 'not a string');
};

/** What images and indexes have in common; neither has the members of the other. */
const readCommon = (value: Members, others: readonly string[]) => {
  if (value['schemaVersion'] !== 2) throw invalid('schemaVersion', 'not 2');
  for (const name of others)
    if (value[name] !== undefined) throw invalid(name, 'belongs to another kind of manifest');
  const subject = value['subject'] ?? undefined;
  return {
    subject: subject === undefined ? undefined : readEntry(subject, 'subject').digest,
    annotations: readAnnotations(value['annotations']),
  };
};

/** Layers that a registry need not have: fetched from elsewhere, or not to be distributed. */
const isForeign = ({ mediaType, isElsewhere }: Entry): boolean =>
  isElsewhere || /nondistributable|\.foreign\./.test(mediaType);

const parseJson = (bytes: Buffer): Members => {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw metadataErrors.manifestInvalid({ reason: 'it is not JSON' }, error);
  }
  if (isObject(value)) return value;
  throw metadataErrors.manifestInvalid({ reason: 'it is not a JSON object' });
};

const digestsOf = (entries: readonly { readonly digest: Digest }[]): readonly Digest[] => [
  ...new Set(entries.map((entry) => entry.digest)),
];

const readIndex = (value: Members, mediaType: string): ManifestFacts => {
  const entries = readEntries(value, 'manifests');
  return {
    mediaType,
    artifactType: readArtifactType(value),
    ...readCommon(value, ['config', 'layers']),
    blobs: [],
    // Build caches are indexes that list layers.
    optionalBlobs: digestsOf(entries.filter((entry) => !namesManifest(entry.mediaType))),
    manifests: digestsOf(entries.filter((entry) => namesManifest(entry.mediaType))),
  };
};

const readImage = (value: Members, mediaType: string): ManifestFacts => {
  const config = readEntry(value['config'], 'config');
  const layers = readEntries(value, 'layers');
  const blobs = digestsOf([config, ...layers.filter((layer) => !isForeign(layer))]);
  const needed = new Set(blobs);
  return {
    mediaType,
    artifactType: readArtifactType(value) ?? config.mediaType,
    ...readCommon(value, ['manifests']),
    blobs,
    optionalBlobs: digestsOf(layers.filter(isForeign)).filter((digest) => !needed.has(digest)),
    manifests: [],
  };
};

const mentioned = (value: unknown): Entry | undefined => {
  if (!isObject(value)) return undefined;
  const { mediaType, digest } = value;
  if (typeof digest !== 'string' || !isDigest(digest)) return undefined;
  const type = typeof mediaType === 'string' ? mediaType : '';
  return { mediaType: type, digest, isElsewhere: false };
};

/** Descriptors of an unknown document: its members that are one, or lists of them. */
const mentionsIn = (value: Members): readonly Entry[] =>
  Object.entries(value)
    .filter(([name]) => name !== 'subject')
    .flatMap(([, member]) => (Array.isArray(member) ? (member as unknown[]) : [member]))
    .flatMap((member) => mentioned(member) ?? []);

const unlessInvalid = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

/** A type that this registry does not know: nothing is required of it, and what can be recognized counts. */
const readUnknown = (value: Members, mediaType: string): ManifestFacts => {
  const mentions = mentionsIn(value);
  return {
    mediaType,
    artifactType:
      unlessInvalid(() => readArtifactType(value)) ??
      unlessInvalid(() => readEntry(value['config'], 'config').mediaType),
    subject: mentioned(value['subject'])?.digest,
    annotations: unlessInvalid(() => readAnnotations(value['annotations'])),
    blobs: [],
    optionalBlobs: digestsOf(mentions.filter((entry) => !namesManifest(entry.mediaType))),
    manifests: digestsOf(mentions.filter((entry) => namesManifest(entry.mediaType))),
  };
};

/**
 * Reads an image manifest or an index, OCI or Docker schema 2, or any other JSON object as far as it can be understood.
 *
 * @throws METADATA_MANIFEST_INVALID, METADATA_SCHEMA_ONE
 */
export const readManifest = (bytes: Buffer, contentType: string): ManifestFacts => {
  const value = parseJson(bytes);
  const mediaType = manifestTypeOf(value, contentType);
  if (isIndexType(mediaType)) return readIndex(value, mediaType);
  return isImageType(mediaType) ? readImage(value, mediaType) : readUnknown(value, mediaType);
};
