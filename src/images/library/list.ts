import type { DiffId, ImageId } from '#oci';
import type { ImageRecord, ImageReference } from '#store';
import type { Context } from './context.ts';
import {
  assertKnownFilters,
  booleanFilter,
  createdAt,
  creationBounds,
  labelsFit,
  referenceMatcher,
  untilFilter,
} from './filters.ts';
import { shownReference } from './lookup.ts';
import type { ImageSummary, ListOptions } from './types.ts';

const KNOWN = ['dangling', 'label', 'label!', 'before', 'since', 'reference', 'until'];

/** How many images have each layer. */
export const layerUsers = (records: readonly ImageRecord[]): ReadonlyMap<DiffId, number> => {
  const users = new Map<DiffId, number>();
  for (const record of records) {
    for (const diffId of new Set(record.diffIds)) users.set(diffId, (users.get(diffId) ?? 0) + 1);
  }
  return users;
};

/** Bytes of an image's layers that other images have too. */
export const sharedSize = (record: ImageRecord, users: ReadonlyMap<DiffId, number>): number =>
  record.diffIds.reduce(
    (sum, diffId, index) => sum + ((users.get(diffId) ?? 0) > 1 ? (record.layerSizes[index] ?? 0) : 0),
    0,
  );

/** How many containers hold each image. */
const containersOf = (context: Context): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const { kind, key } of context.store.holds.heldBy('container')) {
    if (kind === 'image') counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
};

interface Row {
  readonly record: ImageRecord;
  readonly references: readonly ImageReference[];
}

/** Untagged images are shown when nothing was made from them; all others on demand. */
const shownByNames = (
  row: Row,
  options: { all: boolean; dangling: boolean | undefined; isParent: boolean },
): boolean => {
  if (row.references.length > 0) {
    return options.dangling !== true || !row.references.some((reference) => reference.kind === 'tag');
  }
  return options.dangling !== false && (options.all || !options.isParent);
};

const summaryOf = (
  row: Row,
  numbers: { readonly shared: number; readonly containers: number },
): ImageSummary => {
  const shown = (kind: ImageReference['kind']): readonly string[] =>
    row.references.filter((item) => item.kind === kind).map((item) => shownReference(item.reference));
  const { record } = row;
  return {
    Id: record.id,
    ParentId: record.parent ?? '',
    RepoTags: shown('tag'),
    RepoDigests: shown('digest'),
    Created: Math.floor(createdAt(record) / 1000),
    Size: record.size,
    SharedSize: numbers.shared,
    Labels: record.labels,
    Containers: numbers.containers,
  };
};

const rowFilter = (
  context: Context,
  options: ListOptions,
  records: readonly ImageRecord[],
): ((row: Row) => boolean) => {
  const filters = options.filters ?? {};
  const { before, since } = creationBounds(filters, context.lookup);
  const until = untilFilter(filters, Date.now()) ?? Infinity;
  const dangling = booleanFilter(filters, 'dangling');
  const parents = new Set<ImageId | undefined>(records.map((record) => record.parent));
  return (row) => {
    const { record } = row;
    const created = createdAt(record);
    return (
      created < before &&
      created > since &&
      created <= until &&
      labelsFit(record.labels, filters) &&
      shownByNames(row, { all: options.all ?? false, dangling, isParent: parents.has(record.id) })
    );
  };
};

/** `docker images`: newest first. */
export const listImages = (context: Context, options: ListOptions = {}): readonly ImageSummary[] => {
  const filters = options.filters ?? {};
  assertKnownFilters(filters, KNOWN);
  const members = context.store.images.members();
  const records = context.store.images.list().filter((record) => !members.has(record.id));
  const references = Map.groupBy(context.store.images.references(), (item) => item.image);
  const matches = referenceMatcher(filters);
  const fits = rowFilter(context, options, records);
  const users = layerUsers(records);
  const containers = containersOf(context);
  return records
    .map((record): Row => ({ record, references: references.get(record.id) ?? [] }))
    .filter(fits)
    .map((row) =>
      matches === undefined
        ? row
        : { ...row, references: row.references.filter((r) => matches(r.reference)) },
    )
    .filter((row) => matches === undefined || row.references.length > 0)
    .map((row) =>
      summaryOf(row, {
        shared: sharedSize(row.record, users),
        containers: containers.get(row.record.id) ?? 0,
      }),
    );
};
