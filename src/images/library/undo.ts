import { isLadeError } from '#errors';
import { asDiffId, parseImageIdOrReference, shortId, type ImageId } from '#oci';
import type { KeptDeletion } from '#store';
import { contentBytes } from './content-bytes.ts';
import { announce, type Context } from './context.ts';
import { libraryErrors } from './errors.ts';
import { shownReference, storedReference } from './lookup.ts';
import type { Undone, UndoEntry } from './types.ts';

/** Bytes that each deletion keeps and nothing else does; content of several counts with the newest. */
const bytesOf = async (context: Context, entries: readonly KeptDeletion[]): Promise<readonly number[]> => {
  const { holds, space } = context.store;
  const owners = space.ownership();
  const counted = new Set<string>();
  const held = Map.groupBy(holds.heldBy('undo'), ({ holder }) => holder.id);
  const sizes: number[] = [];
  for (const { id } of entries) {
    const mine = (held.get(id) ?? []).filter(({ kind, key }) => {
      const keeping = kind === 'blob' ? owners.blobs.get(key) : owners.layers.get(asDiffId(key));
      const alone = keeping?.images.length === 0 && keeping.holders.every((holder) => holder === 'undo');
      return alone && !counted.has(key);
    });
    for (const { key } of mine) counted.add(key);
    const of = (kind: string) => mine.filter((item) => item.kind === kind).map(({ key }) => key);
    sizes.push(await contentBytes(context, { blobs: of('blob'), layers: of('layer').map(asDiffId) }));
  }
  return sizes;
};

export const listDeletions = async (context: Context): Promise<readonly UndoEntry[]> => {
  const entries = context.store.deletions.list();
  const sizes = await bytesOf(context, entries);
  return entries.map(({ id, cause, createdAt, expiresAt, images, references }, index) => ({
    id,
    cause,
    createdAt,
    expiresAt,
    images,
    names: references.map(({ reference }) => shownReference(reference)),
    bytes: sizes[index] ?? 0,
  }));
};

const imageNamed = (entry: KeptDeletion, what: string): ImageId | undefined => {
  const named = parseImageIdOrReference(what);
  if (named.kind === 'id') return entry.images.find((id) => id === named.id);
  const reference = storedReference(named.reference);
  const prefix = named.idPrefix;
  return (
    entry.references.find((item) => item.reference === reference)?.image ??
    (prefix === undefined
      ? undefined
      : entry.images.find((id) => shortId(id).startsWith(prefix.slice(0, 12)) && id.includes(prefix)))
  );
};

/** Which deletion is meant, and which image of it; all of it when that is undefined. */
const choose = (
  entries: readonly KeptDeletion[],
  what: string | undefined,
): { readonly id: string; readonly image?: ImageId | undefined } => {
  const byId = what === undefined ? entries[0] : entries.find(({ id }) => id === what);
  if (byId !== undefined) return { id: byId.id };
  for (const entry of what === undefined ? [] : entries) {
    try {
      const image = imageNamed(entry, what ?? '');
      if (image !== undefined) return { id: entry.id, image };
    } catch (error) {
      if (isLadeError(error, 'invalid-argument')) break;
      throw error;
    }
  }
  throw libraryErrors.nothingToUndo({ name: what });
};

/** Whether a repair took content out of the way, or a disk lost it, that an image cannot do without. */
const lacksContent = ({ store, layers }: Context, id: ImageId): boolean => {
  const record = store.images.get(id);
  if (record === undefined) return false;
  if (record.kind === 'image' && store.blobs.stat(id) === undefined) return true;
  return record.unpacked && record.diffIds.some((diffId) => layers.info(diffId) === undefined);
};

/** Brings back what was deleted: records, names and content, exactly as they were. */
export const undo = async (context: Context, what?: string): Promise<Undone> => {
  const { id, image } = choose(context.store.deletions.list(), what);
  const restored = await context.store.deletions.restore(id, image);
  const names = restored.references.map(({ reference, image: of }) => ({
    name: shownReference(reference),
    of,
  }));
  for (const restoredId of restored.images) announce(context, 'create', restoredId);
  for (const { name, of } of names) announce(context, 'tag', of, name);
  return {
    images: restored.images,
    names: names.map(({ name }) => name),
    taken: restored.taken.map((item) => ({
      name: shownReference(item.reference),
      image: item.image,
      by: item.by,
    })),
    lost: restored.lost.map(shownReference),
    incomplete: restored.images.filter((restoredId) => lacksContent(context, restoredId)),
  };
};

/** Gives up deletions; bytes that became free. */
export const letGoDeleted = async (
  context: Context,
  which: 'expired' | 'all' | 'oldest',
): Promise<number> => {
  const { deletions } = context.store;
  const oldest = deletions.oldest();
  if (oldest === undefined) return 0;
  const only =
    which === 'oldest'
      ? await deletions.letGo([oldest.id])
      : await deletions.expire(which === 'all' ? Number.MAX_SAFE_INTEGER : Date.now());
  if (only.blobs.length + only.layers.length === 0) return 0;
  return await (await context.collect({ only })).freed();
};
