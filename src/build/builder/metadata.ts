import { descriptorToJson, isIndexType, parsePlatform, type Descriptor } from '#oci';
import type { Delivered } from '#outputs';

const PROVENANCE = 'buildx.build.provenance';

/** A manifest's descriptor says which platform it is for, as BuildKit's does. */
const described = (descriptor: Descriptor, platform: string | undefined): Descriptor =>
  platform === undefined || isIndexType(descriptor.mediaType)
    ? descriptor
    : { ...descriptor, platform: parsePlatform(platform) };

/** What `--metadata-file` says of a build, in the words of BuildKit. */
export const metadataOf = (
  { descriptor, imageId, images, names, archiveNames }: Delivered,
  provenance: ReadonlyMap<string, object>,
): Readonly<Record<string, unknown>> => {
  const all = [...new Set([...names, ...archiveNames])];
  return {
    ...(images.length === 1 && !isIndexType(descriptor?.mediaType ?? '')
      ? { 'containerimage.config.digest': imageId }
      : {}),
    ...(descriptor === undefined
      ? {}
      : { 'containerimage.descriptor': descriptorToJson(described(descriptor, images[0]?.platform)) }),
    // As BuildKit in Docker's own store: an image that was never given a manifest goes by its ID.
    'containerimage.digest': descriptor?.digest ?? imageId,
    ...(all.length === 0 ? {} : { 'image.name': all.join(',') }),
    ...Object.fromEntries(
      Array.from(provenance, ([platform, predicate]) => [
        images.length === 1 ? PROVENANCE : `${PROVENANCE}/${platform}`,
        predicate,
      ]),
    ),
  };
};
