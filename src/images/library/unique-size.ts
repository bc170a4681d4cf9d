import type { Digest, ImageId } from '#oci';
import type { ImageReference, Share } from '#store';
import type { Context } from './context.ts';

/** A listed image: with what its names were resolved to, and the images that are there only for that. */
export interface Family {
  readonly id: ImageId;
  readonly references: readonly ImageReference[];
}

const targetsIn = ({ references }: Family): ReadonlySet<Digest> =>
  new Set(references.flatMap(({ target }) => (target === undefined ? [] : [target.digest])));

/** To which family alone images and targets belong; undefined for those of several. */
const membership = (
  context: Context,
  families: readonly Family[],
): ReadonlyMap<Digest, ImageId | undefined> => {
  const { images } = context.store;
  const hidden = images.members();
  const belongs = new Map<Digest, ImageId | undefined>();
  const join = (key: Digest, family: ImageId): void =>
    void belongs.set(key, belongs.has(key) && belongs.get(key) !== family ? undefined : family);
  for (const family of families) {
    join(family.id, family.id);
    for (const digest of targetsIn(family)) {
      join(digest, family.id);
      for (const { image } of hidden.size === 0 ? [] : (images.target(digest)?.members ?? []))
        if (image !== undefined && hidden.has(image)) join(image, family.id);
    }
  }
  return belongs;
};

const ownerOf = (share: Share, belongs: ReadonlyMap<Digest, ImageId | undefined>): ImageId | undefined =>
  share.owner === undefined ? undefined : belongs.get(share.owner);

/**
 * Bytes that only one image keeps: what becomes free with it and all its names. Counted are uncompressed layers,
 * and configurations, manifests and layers as they were transferred; not what can be made again from those.
 */
export const uniqueSizes = (context: Context, families: readonly Family[]): ReadonlyMap<ImageId, number> => {
  const belongs = membership(context, families);
  const owners = new Map<Digest, { readonly size: number; owner: ImageId | undefined }>();
  for (const share of context.store.images.shares()) {
    const owner = ownerOf(share, belongs);
    const known = owners.get(share.key);
    if (known === undefined) owners.set(share.key, { size: share.size, owner });
    else if (known.owner !== owner) known.owner = undefined;
  }
  const sizes = new Map(families.map(({ id }) => [id, 0]));
  for (const { size, owner } of owners.values())
    if (owner !== undefined) sizes.set(owner, (sizes.get(owner) ?? 0) + size);
  return sizes;
};
