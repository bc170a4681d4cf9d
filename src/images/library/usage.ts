import { UNDO, type Keeping } from '#store';
import type { Context } from './context.ts';
import { layerUsers, sharedSize } from './list.ts';
import { shownReference } from './lookup.ts';
import type { LibraryUsage } from './types.ts';

const split = <T>(items: readonly T[], belongs: (item: T) => boolean): readonly [T[], T[]] => [
  items.filter(belongs),
  items.filter((item) => !belongs(item)),
];

/** What images take, and what of it only one of them takes. */
export const libraryUsage = (context: Context): LibraryUsage => {
  const { images, blobs, holds } = context.store;
  const records = images.list();
  const holders = holds.holders();
  const users = layerUsers(records);
  const layers = context.layers.list();
  const stored = blobs.list();
  const tags = Map.groupBy(
    images.references().filter((reference) => reference.kind === 'tag'),
    (reference) => reference.image,
  );
  const owners = context.store.space.ownership();
  const isUndone = (keeping: Keeping | undefined): boolean =>
    keeping?.images.length === 0 && keeping.holders.every((holder) => holder === UNDO);
  const others = layers.filter((layer) => !users.has(layer.diffId));
  const [undoneLayers, otherLayers] = split(others, ({ diffId }) => isUndone(owners.layers.get(diffId)));
  const [undoneBlobs, otherBlobs] = split(stored, ({ digest }) => isUndone(owners.blobs.get(digest)));
  const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
  return {
    images: records.map((record) => {
      const shared = sharedSize(record, users);
      return {
        id: record.id,
        tags: (tags.get(record.id) ?? []).map((reference) => shownReference(reference.reference)),
        created: record.created,
        size: record.size,
        shared,
        unique: record.size - shared,
        holders: holders.get(record.id) ?? [],
      };
    }),
    layersSize: sum(layers.filter((layer) => users.has(layer.diffId)).map((layer) => layer.size)),
    otherLayersSize: sum(otherLayers.map((layer) => layer.size)),
    blobsSize: sum(otherBlobs.map((blob) => blob.size)),
    undoSize: sum([...undoneLayers, ...undoneBlobs].map(({ size }) => size)),
  };
};
