import type { Context } from './context.ts';
import { layerUsers, sharedSize } from './list.ts';
import { shownReference } from './lookup.ts';
import type { LibraryUsage } from './types.ts';

/** What images take, and what of it only one of them takes. */
export const libraryUsage = (context: Context): LibraryUsage => {
  const { images, blobs, holds } = context.store;
  const records = images.list();
  const users = layerUsers(records);
  const layers = context.layers.list();
  const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
  return {
    images: records.map((record) => {
      const shared = sharedSize(record, users);
      return {
        id: record.id,
        tags: images
          .references(record.id)
          .filter((reference) => reference.kind === 'tag')
          .map((reference) => shownReference(reference.reference)),
        created: record.created,
        size: record.size,
        shared,
        unique: record.size - shared,
        holders: holds.holdersOf(record.id),
      };
    }),
    layersSize: sum(layers.filter((layer) => users.has(layer.diffId)).map((layer) => layer.size)),
    otherLayersSize: sum(layers.filter((layer) => !users.has(layer.diffId)).map((layer) => layer.size)),
    blobsSize: sum(blobs.list().map((blob) => blob.size)),
  };
};
