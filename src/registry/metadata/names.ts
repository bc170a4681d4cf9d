import { isDigest, parseDigest, type Digest } from '#oci';
import { metadataErrors } from './errors.ts';

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const MAX_NAME = 255;

/** A repository name (distribution-spec, "Pulling manifests"). @throws METADATA_NAME_INVALID */
export const requireName = (name: string): string => {
  if (name.length > MAX_NAME || !NAME.test(name))
    throw metadataErrors.nameInvalid({ name: name.slice(0, MAX_NAME) });
  return name;
};

export const isTag = (tag: string): boolean => TAG.test(tag);

/** @throws METADATA_TAG_INVALID */
export const requireTag = (tag: string): string => {
  if (!isTag(tag)) throw metadataErrors.tagInvalid({ tag: tag.slice(0, 200) });
  return tag;
};

/** @throws METADATA_DIGEST_MALFORMED */
export const requireDigest = (text: string): Digest => {
  if (!isDigest(text)) throw metadataErrors.digestMalformed({ digest: text.slice(0, 200) });
  return parseDigest(text);
};

/** A manifest is named by a tag or by a digest. */
export type ManifestTarget =
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'digest'; readonly digest: Digest };

/** @throws METADATA_TAG_INVALID, METADATA_DIGEST_MALFORMED */
export const parseTarget = (text: string): ManifestTarget =>
  text.includes(':')
    ? { kind: 'digest', digest: requireDigest(text) }
    : { kind: 'tag', tag: requireTag(text) };
