import { descriptorToJson, type DiffId, type ImageId } from '#oci';
import type { ImageRecord, ImageReference } from '#store';
import type { Context } from './context.ts';
import {
  assertKnownFilters,
  booleanFilter,
  createdAt,
  creationFilter,
  labelsFit,
  referenceMatcher,
} from './filters.ts';
import { shownName } from './lookup.ts';
import { manifestSummaries, targetsOfImage } from './manifest-summaries.ts';
import type { ImageSummary, ListOptions } from './types.ts';
import { uniqueSizes } from './unique-size.ts';

const KNOWN = ['dangling', 'label', 'before', 'since', 'reference', 'until'];

/** How many images have each layer. */
export const layerUsers = (records: readonly ImageRecord[]): ReadonlyMap<DiffId, number> => {
  const users = new Map<DiffId, number>();
  for (const record of records) {
    for (const diffId of new Set(record.diffIds)) users.set(diffId, (users.get(diffId) ?? 0) + 1);
  }
  return users;
};

/** Which images stand for those that are there only as parts of an index. */
const listedFor = (context: Context): ReadonlyMap<ImageId, ReadonlySet<ImageId>> => {
  const { images } = context.store;
  const hidden = images.members();
  const owners = new Map<ImageId, Set<ImageId>>();
  if (hidden.size === 0) return owners;
  for (const { image: owner, target } of images.references())
    for (const { image } of target === undefined ? [] : (images.target(target.digest)?.members ?? []))
      if (image !== undefined && hidden.has(image))
        owners.set(image, (owners.get(image) ?? new Set()).add(owner));
  return owners;
};

/** How many of the images that lists show have each layer, the platforms of their indexes included. */
const layerListings = (context: Context): ReadonlyMap<DiffId, number> => {
  const owners = listedFor(context);
  const users = new Map<DiffId, Set<ImageId>>();
  for (const { id, diffIds } of context.store.images.list())
    for (const diffId of diffIds) {
      const known = users.get(diffId) ?? new Set();
      for (const owner of owners.get(id) ?? [id]) known.add(owner);
      users.set(diffId, known);
    }
  return new Map([...users].map(([diffId, { size }]) => [diffId, size]));
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
  /** All, whatever is shown of them. */
  readonly references: readonly ImageReference[];
  readonly shown: readonly ImageReference[];
}

interface Naming {
  readonly all: boolean;
  readonly dangling: boolean | undefined;
  readonly matches: ((canonical: string) => boolean) | undefined;
}

/** Docker's rules: untagged images are shown when nothing was made from them; all others on demand. */
const isListed = (row: Row, isParent: boolean, { all, dangling, matches }: Naming): boolean => {
  if (dangling === true && isParent) return false;
  if (row.shown.length > 0) return dangling !== true || !row.shown.some(({ kind }) => kind === 'tag');
  return (all || !isParent) && dangling !== false && matches === undefined;
};

const listedRows = (context: Context, options: ListOptions): readonly Row[] => {
  const filters = options.filters ?? {};
  assertKnownFilters(filters, KNOWN);
  const { images } = context.store;
  const hidden = images.members();
  const dangling = booleanFilter(filters, 'dangling');
  const matches = referenceMatcher(filters);
  const createdFits = creationFilter(filters, context.lookup);
  const all = images.list();
  const records = hidden.size === 0 ? all : all.filter((record) => !hidden.has(record.id));
  const parents = new Set<ImageId | undefined>(records.map((record) => record.parent));
  const references = Map.groupBy(images.references(), (item) => item.image);
  return records
    .filter((record) => createdFits(record) && labelsFit(record.labels, { label: filters['label'] ?? [] }))
    .map((record): Row => {
      const own = references.get(record.id) ?? [];
      const shown = matches === undefined ? own : own.filter(({ reference }) => matches(reference));
      return { record, references: own, shown };
    })
    .filter((row) =>
      isListed(row, parents.has(row.record.id), { all: options.all ?? false, dangling, matches }),
    );
};

const shownNames = (row: Row, kind: ImageReference['kind']): readonly string[] =>
  row.shown.filter((item) => item.kind === kind).map(shownName);

const summaryOf = ({ record, ...row }: Row, containers: number): ImageSummary => ({
  Id: record.id,
  ParentId: record.parent ?? '',
  RepoTags: shownNames({ record, ...row }, 'tag'),
  RepoDigests: shownNames({ record, ...row }, 'digest'),
  Created: Math.floor(createdAt(record) / 1000),
  Size: record.size,
  SharedSize: -1,
  Labels: record.labels,
  Containers: containers,
});

type Addition = (row: Row) => Partial<ImageSummary>;

const sharing = (context: Context, rows: readonly Row[]): Addition => {
  const users = layerListings(context);
  const unique = uniqueSizes(
    context,
    rows.map(({ record, references }) => ({ id: record.id, references })),
  );
  return ({ record }) => ({
    SharedSize: sharedSize(record, users),
    UniqueSize: unique.get(record.id) ?? 0,
  });
};

const naming =
  (context: Context): Addition =>
  ({ record, references }) => {
    const [target] = targetsOfImage(context, record, references);
    return {
      ...(target === undefined ? {} : { Descriptor: descriptorToJson(target) }),
      Manifests: manifestSummaries(context, record, references),
    };
  };

/** `docker images`: newest first. */
export const listImages = (context: Context, options: ListOptions = {}): readonly ImageSummary[] => {
  const rows = listedRows(context, options);
  const containers = containersOf(context);
  const additions = [
    ...(options.shared === true ? [sharing(context, rows)] : []),
    ...(options.manifests === true ? [naming(context)] : []),
  ];
  return rows.map((row) =>
    additions.reduce<ImageSummary>(
      (summary, add) => ({ ...summary, ...add(row) }),
      summaryOf(row, containers.get(row.record.id) ?? 0),
    ),
  );
};
