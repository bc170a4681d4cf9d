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

/** A name on its way out. */
interface Leaving {
  readonly reference: ImageReference;
  /** As Docker spells it. */
  readonly shown: string;
  /** Digests that go with the last tag of their repository have no event. */
  readonly event: boolean;
}

const leavingAs = (reference: ImageReference, shown = shownReference(reference.reference)): Leaving => ({
  reference,
  shown,
  event: true,
});

const tellUntagged = (context: Context, { reference, shown, event }: Leaving): Removal => {
  if (event) announce(context, 'untag', reference.image, shown);
  return { untagged: shown };
};

const untagAll = async (context: Context, names: readonly Leaving[]): Promise<readonly Removal[]> => {
  const removals: Removal[] = [];
  for (const name of names) {
    await context.store.images.untag(name.reference.reference);
    removals.push(tellUntagged(context, name));
  }
  return removals;
};

/** One name, and with the last tag of a repository its digests. */
const leavingWith = (context: Context, reference: ImageReference, shown: string): readonly Leaving[] => {
  const name = leavingAs(reference, shown);
  if (reference.kind === 'digest') return [name];
  const same = context.store.images
    .references(reference.image)
    .filter((other) => other.reference !== reference.reference)
    .filter((other) => repositoryOf(other) === repositoryOf(reference));
  if (same.some((other) => other.kind === 'tag')) return [name];
  return [name, ...same.map((other) => ({ ...leavingAs(other), event: false }))];
};

interface Deletion {
  readonly force: boolean;
  readonly prune: boolean;
  /** A conflict is no error, since something was untagged already. */
  readonly quiet: boolean;
  /** Names that do not keep the image, because they go with it; undefined when names keep it unless forced. */
  readonly leaving?: readonly Leaving[] | undefined;
}

const deleteRecord = async (
  context: Context,
  record: ImageRecord,
  how: Deletion,
): Promise<readonly Removal[]> => {
  const { images } = context.store;
  const conflict = conflictOf(context, record.id, { force: how.force, names: how.leaving === undefined });
  if (conflict !== undefined) {
    const dangling = images.references(record.id).length === 0 && images.children(record.id).length === 0;
    if (how.quiet && (!dangling || conflict.used)) return [];
    throw conflictError(record.id, conflict);
  }
  const leaving = how.leaving ?? images.references(record.id).map((reference) => leavingAs(reference));
  const beside = membersBeside(context, record.id);
  const untag = leaving.map(({ reference }) => reference.reference);
  await images.remove(record.id, { evenIfHeld: how.force, untag });
  const untagged = leaving.map((name) => tellUntagged(context, name));
  announce(context, 'delete', record.id);
  const removals: readonly Removal[] = [
    ...untagged,
    { deleted: record.id },
    ...(await freeLayers(context, record)),
    ...tellGone(context, beside),
  ];
  const parent = how.prune && record.parent !== undefined ? images.get(record.parent) : undefined;
  if (parent === undefined) return removals;
  return [...removals, ...(await deleteRecord(context, parent, { force: false, prune: true, quiet: true }))];
};

/** Images that are here only because an index with this one is. */
const membersBeside = ({ store: { images } }: Context, id: ImageId): readonly ImageId[] => {
  const members = images.targetsOf(id).flatMap((target) => images.target(target)?.members ?? []);
  const others = members.flatMap(({ image }) => (image === undefined || image === id ? [] : [image]));
  return [...new Set(others)].filter((other) => images.isMember(other));
};

/** Tells of those that went with their index; a container keeps its own. */
const tellGone = (context: Context, ids: readonly ImageId[]): readonly Removal[] => {
  const gone = ids.filter(
    (id) =>
      !keptByTarget(context, id) && context.store.holds.holdersOf(id).every(({ kind }) => kind === 'undo'),
  );
  for (const id of gone) announce(context, 'delete', id);
  return gone.map((id) => ({ deleted: id }));
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

/** Whether a target that has other names than these needs the image. */
const keptByTarget = (context: Context, id: ImageId, leaving: readonly Leaving[] = []): boolean => {
  const { images } = context.store;
  const going = new Set(leaving.map(({ reference }) => reference.reference));
  return images
    .targetsOf(id)
    .some((target) => images.referencesTo(target).some(({ reference }) => !going.has(reference)));
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
  options: Required<Omit<RemoveOptions, 'platforms'>>,
): Promise<readonly Removal[]> => {
  const { record, reference, name, shown } = target;
  const { images, holds } = context.store;
  const [holder] = holds.holdersOf(record.id);
  if (options.force !== true && holder !== undefined && isSingleReference(images.references(record.id))) {
    throw libraryErrors.referenceInUse({ name, container: nameOf(holder), image: shortId(record.id) });
  }
  const { force, prune } = { force: options.force === true, prune: options.prune === true };
  const how = { force, prune, quiet: true };
  const leaving = leavingWith(context, reference, shown);
  const last =
    images.references(record.id).length === leaving.length && !keptByTarget(context, record.id, leaving);
  // The last name goes in one transaction with its image, so that a crash leaves no image without a name.
  if (last && conflictOf(context, record.id, { force, names: false }) === undefined)
    return deleteRecord(context, record, { ...how, leaving });
  const removals = await untagAll(context, leaving);
  if (images.references(record.id).length > 0 || keptByTarget(context, record.id)) return removals;
  return [...removals, ...(await deleteRecord(context, record, how))];
};

const removeById = async (
  context: Context,
  record: ImageRecord,
  options: Required<Omit<RemoveOptions, 'platforms'>>,
): Promise<readonly Removal[]> => {
  const references = context.store.images.references(record.id);
  const force = options.force === true;
  const how = { force, prune: options.prune === true, quiet: false };
  if (!isSingleReference(references)) return deleteRecord(context, record, how);
  const conflict = conflictOf(context, record.id, { force, names: false });
  if (conflict !== undefined) throw conflictError(record.id, conflict);
  const leaving = references.map((name) => leavingAs(name));
  return deleteRecord(context, record, { ...how, leaving });
};

/** Docker takes a word that the image's own ID begins with for the ID, even where it is a name too. */
const isOwnId = (record: ImageRecord, name: string): boolean =>
  record.id.startsWith(name) || record.id.slice(record.id.indexOf(':') + 1).startsWith(name);

/**
 * The images for these platforms of an index, which keeps its names and everything else. The image that the name itself
 * means stays.
 */
const removePlatforms = async (
  context: Context,
  name: string,
  { platforms = [], force = false }: RemoveOptions,
): Promise<readonly Removal[]> => {
  const { record: main } = context.lookup.find(name);
  const records = platforms.map((platform) => context.lookup.resolve(name, { platform }).record);
  if (records.some(({ id }) => id === main.id)) throw libraryErrors.mainPlatform({ name });
  const removals: Removal[] = [];
  for (const record of new Set(records))
    removals.push(...(await deleteRecord(context, record, { force, prune: false, quiet: false })));
  return removals;
};

/** `docker rmi`: removes a name, and the image with the last of them; by ID, the image. */
export const removeImage = async (
  context: Context,
  name: string,
  options: RemoveOptions = {},
): Promise<readonly Removal[]> => {
  if ((options.platforms ?? []).length > 0) return removePlatforms(context, name, options);
  const { record } = context.lookup.find(name);
  const named = parseImageIdOrReference(name);
  const given = { force: options.force ?? false, prune: options.prune ?? true };
  const wanted = named.kind === 'reference' ? storedReference(named.reference) : undefined;
  const reference = context.store.images.references(record.id).find((item) => item.reference === wanted);
  if (named.kind !== 'reference' || reference === undefined || isOwnId(record, name))
    return removeById(context, record, given);
  return removeByName(context, { record, reference, name, shown: familiarString(named.reference) }, given);
};
