import { isDigest, parseDigest, type Digest } from '#oci';
import { registryErrors } from './errors.ts';

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const UPLOAD_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MAX_NAME = 255;

/** A repository name (distribution-spec, "Pulling manifests"). @throws REGISTRY_NAME_INVALID */
export const requireName = (name: string): string => {
  if (name.length > MAX_NAME || !NAME.test(name))
    throw registryErrors.nameInvalid({ name: name.slice(0, MAX_NAME) });
  return name;
};

export const isTag = (tag: string): boolean => TAG.test(tag);

/** @throws REGISTRY_TAG_INVALID */
export const requireTag = (tag: string): string => {
  if (!isTag(tag)) throw registryErrors.tagInvalid({ tag: tag.slice(0, 200) });
  return tag;
};

/** @throws REGISTRY_DIGEST_MALFORMED */
export const requireDigest = (text: string): Digest => {
  if (!isDigest(text)) throw registryErrors.digestMalformed({ digest: text.slice(0, 200) });
  return parseDigest(text);
};

/** @throws REGISTRY_UPLOAD_UNKNOWN for what cannot be an id, so that no path is ever made of it */
export const requireUploadId = (id: string): string => {
  if (!UPLOAD_ID.test(id)) throw registryErrors.uploadUnknown({ id: id.slice(0, 64) });
  return id;
};

/** A manifest is named by a tag or by a digest. */
export type ManifestTarget =
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'digest'; readonly digest: Digest };

/** @throws REGISTRY_TAG_INVALID, REGISTRY_DIGEST_MALFORMED */
export const parseTarget = (text: string): ManifestTarget =>
  text.includes(':')
    ? { kind: 'digest', digest: requireDigest(text) }
    : { kind: 'tag', tag: requireTag(text) };
