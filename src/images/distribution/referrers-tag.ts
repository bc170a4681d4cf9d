import { MEDIA_TYPES, encodeIndex, parseManifest, type Descriptor, type Digest } from '#oci';
import { distributionErrors } from './errors.ts';
import { fetchManifest, pushManifest, type Place } from './manifests.ts';
import type { Cancellable } from './types.ts';

/** The tag under which registries without the referrers API keep a list (distribution-spec, "Referrers Tag Schema"). */
export const referrersTag = (subject: Digest): string =>
  subject
    .replace(':', '-')
    .replaceAll(/[^\w.-]/g, '-')
    .slice(0, 97);

const listed = async (
  place: Place,
  subject: Digest,
  options: Cancellable,
): Promise<readonly Descriptor[]> => {
  try {
    const { bytes, descriptor } = await fetchManifest(place, referrersTag(subject), options);
    const index = parseManifest(bytes, descriptor.mediaType);
    return index.kind === 'index' ? index.manifests : [];
  } catch (error) {
    if (distributionErrors.manifestNotFound.is(error) || distributionErrors.repositoryNotFound.is(error))
      return [];
    throw error;
  }
};

/** Adds a manifest to the list of those that are about `subject`, for registries that keep no such list themselves. */
export const addToReferrersTag = async (
  place: Place,
  referrer: { readonly subject: Digest; readonly descriptor: Descriptor } & Cancellable,
): Promise<void> => {
  const { subject, descriptor, signal } = referrer;
  const known = await listed(place, subject, { signal });
  if (known.some(({ digest }) => digest === descriptor.digest)) return;
  const bytes = encodeIndex({ mediaType: MEDIA_TYPES.ociIndex, manifests: [...known, descriptor] });
  await pushManifest(place, referrersTag(subject), { bytes, mediaType: MEDIA_TYPES.ociIndex, signal });
};

/** The entry of a manifest in such a list: with its type of artifact and its annotations. */
export const referrerEntry = (bytes: Uint8Array, descriptor: Descriptor): Descriptor => {
  const manifest = parseManifest(bytes, descriptor.mediaType);
  const configType = manifest.kind === 'image' ? manifest.config.mediaType : undefined;
  const { mediaType, digest, size } = descriptor;
  return {
    mediaType,
    digest,
    size,
    artifactType: manifest.artifactType ?? configType,
    annotations: manifest.annotations,
  };
};

/** The subject of a manifest; undefined where there is none, or the document is no manifest. */
export const subjectIn = (bytes: Uint8Array, mediaType: string): Digest | undefined => {
  try {
    return parseManifest(bytes, mediaType).subject?.digest;
  } catch {
    return undefined;
  }
};
