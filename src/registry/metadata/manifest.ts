import { isDigest, parseDigest, type Digest } from '#oci';
import * as z from 'zod';
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

const digest = z.string().refine(isDigest, 'not a digest').transform(parseDigest);
const descriptor = z.looseObject({
  mediaType: z.string(),
  digest,
  size: z.number().int().nonnegative(),
  urls: z.array(z.string()).nullish(),
});
const common = {
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().nullish(),
  subject: descriptor.nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
};
const image = z.looseObject({
  ...common,
  config: descriptor,
  layers: z.array(descriptor).nullish(),
  manifests: z.undefined('an image has none').optional(),
});
const index = z.looseObject({
  ...common,
  manifests: z.array(descriptor).nullish(),
  config: z.undefined('an index has none').optional(),
  layers: z.undefined('an index has none').optional(),
});
const mention = z.looseObject({ mediaType: z.string().optional(), digest });

type Descriptor = z.infer<typeof descriptor>;

/** Layers that a registry need not have: fetched from elsewhere, or not to be distributed. */
const isForeign = ({ mediaType, urls }: Descriptor): boolean =>
  /nondistributable|\.foreign\./.test(mediaType) || (urls?.length ?? 0) > 0;

const parsed = <T>(schema: z.ZodType<T>, value: unknown): T => {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw metadataErrors.manifestInvalid({ reason: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}` });
};

const parseJson = (bytes: Buffer): object => {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw metadataErrors.manifestInvalid({ reason: 'it is not JSON' }, error);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw metadataErrors.manifestInvalid({ reason: 'it is not a JSON object' });
};

const unique = (digests: readonly Digest[]): readonly Digest[] => [...new Set(digests)];

const digestsOf = (entries: readonly { readonly digest: Digest }[]): readonly Digest[] =>
  unique(entries.map((entry) => entry.digest));

const readIndex = (value: object, mediaType: string): ManifestFacts => {
  const { manifests, artifactType, subject, annotations } = parsed(index, value);
  const entries = manifests ?? [];
  return {
    mediaType,
    artifactType: (artifactType ?? '') === '' ? undefined : (artifactType ?? undefined),
    subject: subject?.digest,
    annotations: annotations ?? undefined,
    blobs: [],
    // Build caches are indexes that list layers.
    optionalBlobs: digestsOf(entries.filter((entry) => !namesManifest(entry.mediaType))),
    manifests: digestsOf(entries.filter((entry) => namesManifest(entry.mediaType))),
  };
};

const readImage = (value: object, mediaType: string): ManifestFacts => {
  const { config, layers, artifactType, subject, annotations } = parsed(image, value);
  const all = layers ?? [];
  const blobs = unique([
    config.digest,
    ...all.filter((layer) => !isForeign(layer)).map((layer) => layer.digest),
  ]);
  return {
    mediaType,
    artifactType: (artifactType ?? '') === '' ? config.mediaType : (artifactType ?? undefined),
    subject: subject?.digest,
    annotations: annotations ?? undefined,
    blobs,
    optionalBlobs: digestsOf(all.filter(isForeign)).filter((foreign) => !blobs.includes(foreign)),
    manifests: [],
  };
};

/** Descriptors of an unknown document: its members that are one, or lists of them. */
const mentionsIn = (value: object): readonly z.infer<typeof mention>[] =>
  Object.entries(value)
    .filter(([name]) => name !== 'subject')
    .flatMap(([, member]: [string, unknown]) => (Array.isArray(member) ? (member as unknown[]) : [member]))
    .map((member) => mention.safeParse(member))
    .flatMap(({ data }) => (data === undefined ? [] : [data]));

const member = <T>(value: object, name: string, schema: z.ZodType<T>): T | undefined =>
  schema.safeParse((value as Readonly<Record<string, unknown>>)[name]).data;

/** A type that this registry does not know: nothing is required of it, and what can be recognized counts. */
const readUnknown = (value: object, mediaType: string): ManifestFacts => {
  const mentions = mentionsIn(value);
  const artifactType = member(value, 'artifactType', z.string()) ?? '';
  return {
    mediaType,
    artifactType: artifactType === '' ? member(value, 'config', descriptor)?.mediaType : artifactType,
    subject: member(value, 'subject', mention)?.digest,
    annotations: member(value, 'annotations', z.record(z.string(), z.string())),
    blobs: [],
    optionalBlobs: digestsOf(mentions.filter((entry) => !namesManifest(entry.mediaType ?? ''))),
    manifests: digestsOf(mentions.filter((entry) => namesManifest(entry.mediaType ?? ''))),
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
