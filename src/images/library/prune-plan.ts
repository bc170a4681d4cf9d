import { parseReference, repositoryName, type ImageId } from '#oci';
import type { ImageRecord, ImageReference } from '#store';
import type { Context } from './context.ts';
import { assertKnownFilters, booleanFilter, createdAt, labelsFit, untilFilter } from './filters.ts';
import { libraryErrors } from './errors.ts';
import type { PruneRequest } from './types.ts';

const KNOWN = ['dangling', 'until', 'label', 'label!'];

/** What a prune removes, in this order. A name is removed before its image, which goes with the last one. */
export interface PrunePlan {
  readonly steps: readonly {
    readonly record: ImageRecord;
    /** Names to remove, canonical; without any, the image is removed by its ID. */
    readonly names: readonly string[];
  }[];
}

const repositoryOf = ({ reference }: ImageReference): string =>
  repositoryName(parseReference(reference, { defaultTag: false }));

/** Whether no container (but those that go as well) and no other image needs it. */
const unusedIn = (context: Context, { without }: PruneRequest): ((record: ImageRecord) => boolean) => {
  const { images, holds } = context.store;
  const hidden = images.members();
  const holders = holds.holders();
  const parents = new Set(images.list().map(({ parent }) => parent));
  return (record) =>
    !hidden.has(record.id) &&
    !parents.has(record.id) &&
    (holders.get(record.id) ?? []).every((holder) => without?.has(holder.id) === true);
};

type Tags = ReadonlyMap<ImageId, readonly ImageReference[]>;

const readTags = ({ store }: Context): Tags =>
  Map.groupBy(
    store.images.references().filter((reference) => reference.kind === 'tag'),
    ({ image }) => image,
  );

/** Tags that are not among the newest `keep` of their repository; newest means created last. */
const tagsBeyond = (context: Context, tagged: Tags, keep: number): ReadonlySet<string> => {
  if (!Number.isInteger(keep) || keep < 0) throw libraryErrors.invalidKeepLast({ value: String(keep) });
  const rows = context.store.images
    .list()
    .flatMap((record) => (tagged.get(record.id) ?? []).map((tag) => ({ record, tag })))
    .toSorted(
      (a, b) =>
        createdAt(b.record) - createdAt(a.record) || (b.record.taggedAt ?? 0) - (a.record.taggedAt ?? 0),
    );
  const groups = Map.groupBy(rows, ({ tag }) => repositoryOf(tag));
  return new Set([...groups.values()].flatMap((group) => group.slice(keep).map(({ tag }) => tag.reference)));
};

/** Chooses what `docker image prune` removes; nothing is changed. `invalid-argument` for filters that make no sense. */
export const planPrune = (context: Context, request: PruneRequest = {}): PrunePlan => {
  const filters = request.filters ?? {};
  assertKnownFilters(filters, KNOWN);
  const all = request.all ?? booleanFilter(filters, 'dangling') === false;
  const until = untilFilter(filters, Date.now()) ?? Infinity;
  const tagged = readTags(context);
  const beyond = request.keepLast === undefined ? undefined : tagsBeyond(context, tagged, request.keepLast);
  const unused = unusedIn(context, request);
  const namesToGo = (record: ImageRecord): readonly string[] | undefined => {
    const tags = (tagged.get(record.id) ?? []).map((tag) => tag.reference);
    if (tags.length === 0) return [];
    if (beyond === undefined) return all ? (tags.length > 1 ? tags : []) : undefined;
    const names = tags.filter((tag) => beyond.has(tag));
    return names.length === 0 ? undefined : names;
  };
  const steps = context.store.images
    .list()
    .filter((record) => createdAt(record) <= until && labelsFit(record.labels, filters))
    .filter(unused)
    .flatMap((record) => {
      const names = namesToGo(record);
      return names === undefined ? [] : [{ record, names }];
    });
  return { steps };
};

/** What is left after a plan, as the rules of removal say. */
interface Outlook {
  readonly images: Map<ImageId, ImageRecord>;
  readonly references: Map<string, ImageReference>;
  /** The same by image. */
  readonly names: ReadonlyMap<ImageId, Set<ImageReference>>;
  /** How many images are left that were made from one. */
  readonly children: Map<ImageId, number>;
}

const openOutlook = ({ images }: Context['store']): Outlook => {
  const records = images.list();
  const references = images.references();
  const names = Map.groupBy(references, ({ image }) => image);
  const children = new Map<ImageId, number>();
  for (const { parent } of records)
    if (parent !== undefined) children.set(parent, (children.get(parent) ?? 0) + 1);
  return {
    images: new Map(records.map((record) => [record.id, record])),
    references: new Map(references.map((reference) => [reference.reference, reference])),
    names: new Map([...names].map(([id, own]) => [id, new Set(own)])),
    children,
  };
};

const namesIn = ({ names }: Outlook, id: ImageId): readonly ImageReference[] => [...(names.get(id) ?? [])];

const forgetName = ({ references, names }: Outlook, reference: ImageReference): void => {
  references.delete(reference.reference);
  names.get(reference.image)?.delete(reference);
};

/** A name goes, and with the last tag of its repository the digests there. */
const dropName = (outlook: Outlook, name: string): void => {
  const gone = outlook.references.get(name);
  if (gone === undefined) return;
  forgetName(outlook, gone);
  const same = namesIn(outlook, gone.image).filter((other) => repositoryOf(other) === repositoryOf(gone));
  if (same.some((other) => other.kind === 'tag')) return;
  for (const reference of same) forgetName(outlook, reference);
};

/** An image goes with all its names, and then parents that have no name, no other child and no user. */
const dropImage = (outlook: Outlook, id: ImageId, inUse: (id: ImageId) => boolean): void => {
  const record = outlook.images.get(id);
  if (record === undefined) return;
  outlook.images.delete(id);
  for (const reference of namesIn(outlook, id)) forgetName(outlook, reference);
  const { parent } = record;
  if (parent === undefined) return;
  const left = (outlook.children.get(parent) ?? 1) - 1;
  outlook.children.set(parent, left);
  if (left > 0 || inUse(parent) || namesIn(outlook, parent).length > 0) return;
  dropImage(outlook, parent, inUse);
};

/** Indexes that no name means any more, and images that came with nothing else. */
const dropIndexes = (context: Context, outlook: Outlook): ReadonlySet<string> => {
  const { images } = context.store;
  const before = new Set(
    images.references().flatMap(({ target }) => (target === undefined ? [] : [target.digest])),
  );
  const after = new Set([...outlook.references.values()].map(({ target }) => target?.digest));
  const dropped = new Set([...before].filter((digest) => !after.has(digest)));
  for (const id of images.members())
    if (images.targetsOf(id).every((target) => dropped.has(target))) outlook.images.delete(id);
  return dropped;
};

/** Images and indexes that would be gone after a plan. */
export const outlookOf = (
  context: Context,
  plan: PrunePlan,
  without: ReadonlySet<string> = new Set(),
): { readonly images: ReadonlySet<ImageId>; readonly indexes: ReadonlySet<string> } => {
  const { holds } = context.store;
  const outlook = openOutlook(context.store);
  const before = [...outlook.images.keys()];
  const inUse = (id: ImageId): boolean => holds.holdersOf(id).some((holder) => !without.has(holder.id));
  for (const { record, names } of plan.steps) {
    for (const name of names) dropName(outlook, name);
    if (names.length === 0 || namesIn(outlook, record.id).length === 0) dropImage(outlook, record.id, inUse);
  }
  const indexes = dropIndexes(context, outlook);
  return { images: new Set(before.filter((id) => !outlook.images.has(id))), indexes };
};
