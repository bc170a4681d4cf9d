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
  return (record) =>
    !hidden.has(record.id) &&
    images.children(record.id).length === 0 &&
    holds.holdersOf(record.id).every((holder) => without?.has(holder.id) === true);
};

const tagsOf = (context: Context, record: ImageRecord): readonly ImageReference[] =>
  context.store.images.references(record.id).filter((reference) => reference.kind === 'tag');

/** Tags that are not among the newest `keep` of their repository; newest means created last. */
const tagsBeyond = (context: Context, keep: number): ReadonlySet<string> => {
  if (!Number.isInteger(keep) || keep < 0) throw libraryErrors.invalidKeepLast({ value: String(keep) });
  const rows = context.store.images
    .list()
    .flatMap((record) => tagsOf(context, record).map((tag) => ({ record, tag })))
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
  const beyond = request.keepLast === undefined ? undefined : tagsBeyond(context, request.keepLast);
  const unused = unusedIn(context, request);
  const namesToGo = (record: ImageRecord): readonly string[] | undefined => {
    const tags = tagsOf(context, record).map((tag) => tag.reference);
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
}

const referencesIn = ({ references }: Outlook, id: ImageId): readonly ImageReference[] =>
  [...references.values()].filter((reference) => reference.image === id);

/** A name goes, and with the last tag of its repository the digests there. */
const dropName = (outlook: Outlook, name: string): void => {
  const gone = outlook.references.get(name);
  if (gone === undefined) return;
  outlook.references.delete(name);
  const same = referencesIn(outlook, gone.image).filter(
    (other) => repositoryOf(other) === repositoryOf(gone),
  );
  if (same.some((other) => other.kind === 'tag')) return;
  for (const { reference } of same) outlook.references.delete(reference);
};

/** An image goes with all its names, and then parents that have no name, no other child and no user. */
const dropImage = (outlook: Outlook, id: ImageId, inUse: (id: ImageId) => boolean): void => {
  const record = outlook.images.get(id);
  if (record === undefined) return;
  outlook.images.delete(id);
  for (const { reference } of referencesIn(outlook, id)) outlook.references.delete(reference);
  const { parent } = record;
  if (parent === undefined || inUse(parent) || referencesIn(outlook, parent).length > 0) return;
  if ([...outlook.images.values()].some((other) => other.parent === parent)) return;
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
  const { images, holds } = context.store;
  const records = images.list();
  const outlook: Outlook = {
    images: new Map(records.map((record) => [record.id, record])),
    references: new Map(images.references().map((reference) => [reference.reference, reference])),
  };
  const inUse = (id: ImageId): boolean => holds.holdersOf(id).some((holder) => !without.has(holder.id));
  for (const { record, names } of plan.steps) {
    for (const name of names) dropName(outlook, name);
    if (names.length === 0 || referencesIn(outlook, record.id).length === 0)
      dropImage(outlook, record.id, inUse);
  }
  const indexes = dropIndexes(context, outlook);
  return { images: new Set(records.map(({ id }) => id).filter((id) => !outlook.images.has(id))), indexes };
};
