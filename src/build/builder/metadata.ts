import { descriptorToJson, familiarString, parseReference } from '#oci';
import type { Delivered } from '#outputs';

const PROVENANCE = 'buildx.build.provenance';

/** What `--metadata-file` says of a build, in the words of BuildKit. */
export const metadataOf = (
  { descriptor, imageId, images, names }: Delivered,
  provenance: ReadonlyMap<string, object>,
): Readonly<Record<string, unknown>> => ({
  ...(images.length === 1 ? { 'containerimage.config.digest': imageId } : {}),
  ...(descriptor === undefined ? {} : { 'containerimage.descriptor': descriptorToJson(descriptor) }),
  // As BuildKit in Docker's own store: an image that was never given a manifest goes by its ID.
  'containerimage.digest': descriptor?.digest ?? imageId,
  ...(names.length === 0
    ? {}
    : {
        'image.name': names
          .map((name) => familiarString(parseReference(name, { defaultTag: false })))
          .join(','),
      }),
  ...Object.fromEntries(
    Array.from(provenance, ([platform, predicate]) => [
      images.length === 1 ? PROVENANCE : `${PROVENANCE}/${platform}`,
      predicate,
    ]),
  ),
});
