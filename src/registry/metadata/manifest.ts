import { isDigest, parseDigest, type Digest } from '#oci';
import * as z from 'zod';
import { metadataErrors } from './errors.ts';

/** What the registry must know of a manifest; the bytes themselves are never rewritten. */
export interface ManifestFacts {
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  readonly subject: Digest | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  /** Blobs that must be in the repository. */
  readonly blobs: readonly Digest[];
  /** Manifests it lists; they may be absent (sparse indexes). */
  readonly manifests: readonly Digest[];
}

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const IMAGES: ReadonlySet<string> = new Set([
  OCI_IMAGE,
  'application/vnd.docker.distribution.manifest.v2+json',
]);
const INDEXES: ReadonlySet<string> = new Set([
  OCI_INDEX,
  'application/vnd.docker.distribution.manifest.list.v2+json',
]);

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
  artifactType: z.string().optional(),
  subject: descriptor.nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
};
const image = z.looseObject({ ...common, config: descriptor, layers: z.array(descriptor).nullish() });
const index = z.looseObject({ ...common, manifests: z.array(descriptor).nullish() });

/** Layers that a registry need not have: fetched from elsewhere, or not to be distributed. */
const isForeign = (layer: z.infer<typeof descriptor>): boolean =>
  /nondistributable|\.foreign\./.test(layer.mediaType) || (layer.urls?.length ?? 0) > 0;

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
  if (typeof value === 'object' && value !== null) return value;
  throw metadataErrors.manifestInvalid({ reason: 'it is not a JSON object' });
};

const typeOf = (value: object, contentType: string): string => {
  const own = 'mediaType' in value && typeof value.mediaType === 'string' ? value.mediaType : '';
  const stated = IMAGES.has(contentType) || INDEXES.has(contentType) ? contentType : '';
  if (own !== '' && stated !== '' && own !== stated) {
    throw metadataErrors.manifestInvalid({ reason: `Content-Type is ${stated}, but mediaType is ${own}` });
  }
  if (own !== '' || stated !== '') return own === '' ? stated : own;
  return 'manifests' in value ? OCI_INDEX : OCI_IMAGE;
};

const unique = (digests: readonly Digest[]): readonly Digest[] => [...new Set(digests)];

/** Reads an image manifest or an index, OCI or Docker schema 2. @throws METADATA_MANIFEST_INVALID */
export const readManifest = (bytes: Buffer, contentType: string): ManifestFacts => {
  const value = parseJson(bytes);
  const mediaType = typeOf(value, contentType);
  if (INDEXES.has(mediaType)) {
    const { manifests, artifactType, subject, annotations } = parsed(index, value);
    return {
      mediaType,
      artifactType,
      subject: subject?.digest,
      annotations: annotations ?? undefined,
      blobs: [],
      manifests: unique((manifests ?? []).map((entry) => entry.digest)),
    };
  }
  if (!IMAGES.has(mediaType))
    throw metadataErrors.manifestInvalid({ reason: `media type ${mediaType} is not supported` });
  const { config, layers, artifactType, subject, annotations } = parsed(image, value);
  const stored = (layers ?? []).filter((layer) => !isForeign(layer)).map((layer) => layer.digest);
  return {
    mediaType,
    artifactType: (artifactType ?? '') === '' ? config.mediaType : artifactType,
    subject: subject?.digest,
    annotations: annotations ?? undefined,
    blobs: unique([config.digest, ...stored]),
    manifests: [],
  };
};
