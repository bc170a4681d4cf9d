import { metadataErrors } from './errors.ts';

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

/** What clients send that do not care: says nothing about the content. */
const GENERIC: ReadonlySet<string> = new Set([
  '',
  'application/json',
  'application/octet-stream',
  'application/x-www-form-urlencoded',
  'text/plain',
]);

/** RFC 6838, "Naming Requirements". It becomes a header, so nothing else may pass. */
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/i;

export const isImageType = (mediaType: string): boolean => IMAGES.has(mediaType);
export const isIndexType = (mediaType: string): boolean => INDEXES.has(mediaType);

/** Whether what has this media type is pushed as a manifest; everything else is a blob. */
export const namesManifest = (mediaType: string): boolean =>
  isImageType(mediaType) || isIndexType(mediaType) || /\b(?:manifest|index)\b/.test(mediaType);

const isSchemaOne = (value: object, mediaType: string): boolean =>
  /^application\/vnd\.docker\.distribution\.manifest\.v1\+(?:json|prettyjws)$/.test(mediaType) ||
  ('schemaVersion' in value && value.schemaVersion === 1 && 'fsLayers' in value);

/**
 * The media type of a manifest: what it says of itself and what its sender says of it, which must not differ.
 *
 * @throws METADATA_MANIFEST_INVALID, METADATA_SCHEMA_ONE
 */
export const manifestTypeOf = (value: object, contentType: string): string => {
  const own = 'mediaType' in value && typeof value.mediaType === 'string' ? value.mediaType : '';
  const stated = GENERIC.has(contentType.toLowerCase()) ? '' : contentType;
  if (isSchemaOne(value, own === '' ? stated : own)) throw metadataErrors.schemaOne({});
  if (own !== '' && stated !== '' && own !== stated)
    throw metadataErrors.manifestInvalid({
      reason: `Content-Type is ${JSON.stringify(stated)}, but mediaType is ${JSON.stringify(own.slice(0, 200))}`,
    });
  const named = own === '' ? stated : own;
  if (named === '') return 'manifests' in value ? OCI_INDEX : OCI_IMAGE;
  if (MEDIA_TYPE.test(named)) return named;
  throw metadataErrors.manifestInvalid({
    reason: `${JSON.stringify(named.slice(0, 200))} is not a media type`,
  });
};
