import {
  chainIds,
  familiarString,
  parseImageIdOrReference,
  parseReference,
  repositoryName,
  shortId,
  type ImageId,
} from '#oci';
import type { Holder, ImageRecord, ImageReference } from '#store';
import { announce, type Context } from './context.ts';
import { libraryErrors } from './errors.ts';
import { shownReference, storedReference } from './lookup.ts';
import type { Removal, RemoveOptions } from './types.ts';

const repositoryOf = (reference: ImageReference): string =>
  repositoryName(parseReference(reference.reference, { defaultTag: false }));

/** Whether removing by ID means one name only: at most one tag, and all digests in its repository. */
const isSingleReference = (references: readonly ImageReference[]): boolean => {
  if (references.length <= 1) return true;
  const tags = references.filter((reference) => reference.kind === 'tag');
  const [first = references[0]] = tags;
  if (tags.length > 1 || first === undefined) return false;
  const digests = new Set(references.filter((reference) => reference.kind === 'digest').map(repositoryOf));
  return digests.size === 1 && digests.has(repositoryOf(first));
};

const nameOf = (holder: Holder): string =>
  /^[0-9a-f]{64}$/.test(holder.id) ? holder.id.slice(0, 12) : holder.id;

/** Why an image cannot go; `hard` reasons cannot be overridden. */
interface Conflict {
  readonly hard: boolean;
  readonly used: boolean;
  readonly reason: string;
}

const runningConflict = (context: Context, id: ImageId): Conflict | undefined => {
  const running = context.store.holds
    .holdersOf(id)
    .find((holder) => holder.kind === 'container' && context.isRunning(holder.id));
  return running === undefined
    ? undefined
    : { hard: true, used: true, reason: `image is being used by running container ${nameOf(running)}` };
};

const stoppedConflict = (context: Context, id: ImageId): Conflict | undefined => {
  const [holder] = context.store.holds.holdersOf(id);
  if (holder === undefined) return undefined;
  const user =
    holder.kind === 'container' ? `stopped container ${nameOf(holder)}` : `${holder.kind} ${nameOf(holder)}`;
  return { hard: false, used: true, reason: `image is being used by ${user}` };
};

interface ConflictScope {
  readonly force: boolean;
  /** Names count as a reason to keep the image. */
  readonly names: boolean;
}

const conflictOf = (context: Context, id: ImageId, scope: ConflictScope): Conflict | undefined => {
  const { images } = context.store;
  if (images.children(id).length > 0) {
    return { hard: true, used: false, reason: 'image has dependent child images' };
  }
  const running = runningConflict(context, id);
  if (running !== undefined || scope.force) return running;
  if (scope.names && images.references(id).length > 0) {
    return { hard: false, used: false, reason: 'image is referenced in multiple repositories' };
  }
  return stoppedConflict(context, id);
};

const conflictError = (id: ImageId, conflict: Conflict): Error =>
  libraryErrors.deleteConflict({ image: shortId(id), hard: conflict.hard, reason: conflict.reason });

const untag = async (
  context: Context,
  reference: ImageReference,
  shown = shownReference(reference.reference),
): Promise<Removal> => {
  await context.store.images.untag(reference.reference);
  announce(context, 'untag', reference.image, shown);
  return { untagged: shown };
};

const untagAll = async (
  context: Context,
  references: readonly ImageReference[],
): Promise<readonly Removal[]> => {
  const removals: Removal[] = [];
  for (const reference of references) removals.push(await untag(context, reference));
  return removals;
};

/** Digests that go with the last tag of their repository; Docker tells of them, but has no event for them. */
const dropDigests = async (
  context: Context,
  digests: readonly ImageReference[],
): Promise<readonly Removal[]> => {
  for (const { reference } of digests) await context.store.images.untag(reference);
  return digests.map(({ reference }) => ({ untagged: shownReference(reference) }));
};

/** Removes one name, and the digests of its repository when no tag of that repository is left. */
const untagName = async (
  context: Context,
  reference: ImageReference,
  shown: string,
): Promise<readonly Removal[]> => {
  const removals = [await untag(context, reference, shown)];
  if (reference.kind === 'digest') return removals;
  const same = context.store.images
    .references(reference.image)
    .filter((other) => repositoryOf(other) === repositoryOf(reference));
  if (same.some((other) => other.kind === 'tag')) return removals;
  return [...removals, ...(await dropDigests(context, same))];
};

interface Deletion {
  readonly force: boolean;
  readonly prune: boolean;
  /** A conflict is no error, since something was untagged already. */
  readonly quiet: boolean;
}

const deleteRecord = async (
  context: Context,
  record: ImageRecord,
  how: Deletion,
): Promise<readonly Removal[]> => {
  const { images } = context.store;
  const conflict = conflictOf(context, record.id, { force: how.force, names: true });
  if (conflict !== undefined) {
    const dangling = images.references(record.id).length === 0 && images.children(record.id).length === 0;
    if (how.quiet && (!dangling || conflict.used)) return [];
    throw conflictError(record.id, conflict);
  }
  const untagged = await untagAll(context, images.references(record.id));
  await images.remove(record.id, { evenIfHeld: how.force });
  announce(context, 'delete', record.id);
  const removals: readonly Removal[] = [
    ...untagged,
    { deleted: record.id },
    ...(await freeLayers(context, record)),
  ];
  const parent = how.prune && record.parent !== undefined ? images.get(record.parent) : undefined;
  if (parent === undefined) return removals;
  return [...removals, ...(await deleteRecord(context, parent, { force: false, prune: true, quiet: true }))];
};

/** Frees content, and names the layers of this image that went, top first. */
const freeLayers = async (context: Context, record: ImageRecord): Promise<readonly Removal[]> => {
  const removed = new Set((await context.collect()).layers);
  const chain = chainIds(record.diffIds);
  return record.diffIds
    .map((diffId, index) => ({ gone: removed.has(diffId), chainId: chain[index] ?? diffId }))
    .filter(({ gone }) => gone)
    .map(({ chainId }) => ({ deleted: chainId }))
    .toReversed();
};

interface NamedImage {
  readonly record: ImageRecord;
  readonly reference: ImageReference;
  /** As it was written. */
  readonly name: string;
  /** As Docker spells it. */
  readonly shown: string;
}

const removeByName = async (
  context: Context,
  target: NamedImage,
  options: Required<RemoveOptions>,
): Promise<readonly Removal[]> => {
  const { record, reference, name, shown } = target;
  const { images, holds } = context.store;
  const [holder] = holds.holdersOf(record.id);
  if (options.force !== true && holder !== undefined && isSingleReference(images.references(record.id))) {
    throw libraryErrors.referenceInUse({ name, container: nameOf(holder), image: shortId(record.id) });
  }
  const removals = await untagName(context, reference, shown);
  if (images.references(record.id).length > 0 || images.isMember(record.id)) return removals;
  const how = { force: options.force === true, prune: options.prune === true, quiet: true };
  return [...removals, ...(await deleteRecord(context, record, how))];
};

const removeById = async (
  context: Context,
  record: ImageRecord,
  options: Required<RemoveOptions>,
): Promise<readonly Removal[]> => {
  const references = context.store.images.references(record.id);
  const force = options.force === true;
  const how = { force, prune: options.prune === true, quiet: false };
  if (!isSingleReference(references)) return deleteRecord(context, record, how);
  const conflict = conflictOf(context, record.id, { force, names: false });
  if (conflict !== undefined) throw conflictError(record.id, conflict);
  return [...(await untagAll(context, references)), ...(await deleteRecord(context, record, how))];
};

/** Docker takes a word that the image's own ID begins with for the ID, even where it is a name too. */
const isOwnId = (record: ImageRecord, name: string): boolean =>
  record.id.startsWith(name) || record.id.slice(record.id.indexOf(':') + 1).startsWith(name);

/** `docker rmi`: removes a name, and the image with the last of them; by ID, the image. */
export const removeImage = async (
  context: Context,
  name: string,
  options: RemoveOptions = {},
): Promise<readonly Removal[]> => {
  const { record } = context.lookup.find(name);
  const named = parseImageIdOrReference(name);
  const given = { force: options.force ?? false, prune: options.prune ?? true };
  const wanted = named.kind === 'reference' ? storedReference(named.reference) : undefined;
  const reference = context.store.images.references(record.id).find((item) => item.reference === wanted);
  if (named.kind !== 'reference' || reference === undefined || isOwnId(record, name))
    return removeById(context, record, given);
  return removeByName(context, { record, reference, name, shown: familiarString(named.reference) }, given);
};
