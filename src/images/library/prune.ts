import { isLadeError } from '#errors';
import type { ImageRecord } from '#store';
import { announce, type Context } from './context.ts';
import { assertKnownFilters, booleanFilter, createdAt, labelsFit, untilFilter } from './filters.ts';
import { removeImage } from './remove.ts';
import type { Pruned, PruneRequest, Removal } from './types.ts';

const KNOWN = ['dangling', 'until', 'label', 'label!'];

const unused = (context: Context, record: ImageRecord, all: boolean): boolean => {
  const { images, holds } = context.store;
  if (images.children(record.id).length > 0 || holds.holdersOf(record.id).length > 0) return false;
  if (images.isMember(record.id)) return false;
  return all || !images.references(record.id).some((reference) => reference.kind === 'tag');
};

const candidates = (context: Context, request: PruneRequest): readonly ImageRecord[] => {
  const filters = request.filters ?? {};
  assertKnownFilters(filters, KNOWN);
  const all = request.all ?? booleanFilter(filters, 'dangling') === false;
  const until = untilFilter(filters, Date.now()) ?? Infinity;
  return context.store.images
    .list()
    .filter((record) => createdAt(record) <= until && labelsFit(record.labels, filters))
    .filter((record) => unused(context, record, all));
};

const removeEntirely = async (context: Context, record: ImageRecord): Promise<readonly Removal[]> => {
  const tags = context.store.images.references(record.id).filter((reference) => reference.kind === 'tag');
  const names = tags.length > 1 ? tags.map((reference) => reference.reference) : [record.id];
  const removals: Removal[] = [];
  for (const name of names) removals.push(...(await removeImage(context, name, { prune: true })));
  return removals;
};

/** Bytes of content on disk. */
export const contentBytes = (context: Context): number =>
  context.store.blobs.list().reduce((sum, blob) => sum + blob.size, 0) +
  context.layers.list().reduce((sum, layer) => sum + layer.size, 0);

/** `docker image prune`: untagged images that nothing holds or was made from; with `all`, tagged ones as well. */
export const pruneImages = async (context: Context, request: PruneRequest = {}): Promise<Pruned> => {
  const before = contentBytes(context);
  const removed: Removal[] = [];
  for (const record of candidates(context, request)) {
    if (context.store.images.get(record.id) === undefined) continue;
    try {
      removed.push(...(await removeEntirely(context, record)));
    } catch (error) {
      if (!isLadeError(error, 'conflict')) throw error;
    }
  }
  await context.collect({ resumable: true });
  const reclaimed = Math.max(0, before - contentBytes(context));
  announce(context, 'prune', '');
  return { removed, reclaimed };
};
