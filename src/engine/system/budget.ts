import { setImmediate } from 'node:timers/promises';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { isLadeError } from '#errors';
import { shortId, type ImageId } from '#oci';
import { allocatedBytes } from '#store';
import type { SpaceLimit } from './settings.ts';
import type { BudgetUse, LetGo, SystemParts } from './types.ts';

type Parts = Pick<SystemParts, 'store' | 'layers' | 'library' | 'buildCache' | 'root'>;

/** Blobs let go between two looks at the sum. */
const BATCH = 16;

const limitBytes = async (root: string, limit: SpaceLimit): Promise<number> => {
  if (limit.kind === 'bytes') return limit.bytes;
  const { blocks, bsize } = await statfs(root);
  return Math.floor((blocks * bsize * limit.percent) / 100);
};

const contentBytes = ({ store, layers }: Parts): number =>
  store.blobs.bytes() + layers.list().reduce((sum, { size }) => sum + size, 0);

const cacheMountBytes = ({ root }: Parts): Promise<number> => allocatedBytes(join(root, 'build-cache'));

/** How much of the budget is taken, by the sizes that records give: all blobs and layers, and the cache mounts of builds. */
export const budgetUse = async (parts: Parts, limit: SpaceLimit): Promise<BudgetUse> => ({
  limit: await limitBytes(parts.root, limit),
  used: contentBytes(parts) + (await cacheMountBytes(parts)),
});

interface Candidate {
  readonly usedAt: number;
  letGo(): Promise<{ readonly what: string; readonly bytes: number } | undefined>;
}

/** Images without a name, a container and a child; those that an index keeps are not among them. */
const danglingImages = ({ store, library }: Parts): readonly Candidate[] => {
  const uses = store.images.uses();
  const hidden = store.images.members();
  const loose = (id: ImageId): boolean =>
    !hidden.has(id) &&
    store.images.references(id).every((reference) => reference.kind === 'digest') &&
    store.images.children(id).length === 0 &&
    store.holds.holdersOf(id).length === 0;
  return store.images
    .list()
    .filter(({ id }) => loose(id))
    .map((record) => ({
      usedAt: uses.get(record.id) ?? record.addedAt,
      async letGo() {
        const before = store.space.freedBytes();
        try {
          await library.remove(record.id, { purge: true });
        } catch (error) {
          if (isLadeError(error, 'conflict') || isLadeError(error, 'not-found')) return undefined;
          throw error;
        }
        await store.space.settled();
        return { what: `image ${shortId(record.id)}`, bytes: store.space.freedBytes() - before };
      },
    }));
};

/** The build steps that were not used for the longest time. */
const oldestCache = async ({ store, buildCache }: Parts): Promise<Candidate | undefined> => {
  if (buildCache === undefined || store.holds.heldBy('build-cache').length === 0) return undefined;
  const cache = await buildCache();
  const usedAt = await cache.oldestUse();
  if (usedAt === undefined) return undefined;
  return {
    usedAt: usedAt.getTime(),
    async letGo() {
      const before = store.space.freedBytes();
      const { records } = await cache.prune({ before: new Date(usedAt.getTime() + 1) });
      await store.space.settled();
      if (records === 0) return undefined;
      return { what: `${records} build cache records`, bytes: store.space.freedBytes() - before };
    },
  };
};

/** What goes next, the cheapest loss first; undefined when nothing is left that may go. */
async function* lettingGo(parts: Parts): AsyncGenerator<LetGo, void, undefined> {
  const { store, library } = parts;
  for (let oldest = store.deletions.oldest(); oldest !== undefined; oldest = store.deletions.oldest())
    yield { kind: 'undo', what: oldest.cause, bytes: await library.letGoDeleted('oldest') };
  while (store.space.refetchable().length > 0) {
    const bytes = await library.letGoRefetchable(BATCH);
    if (bytes === 0) break;
    yield { kind: 'blobs', what: 'compressed layers that a registry has', bytes };
  }
  const images = danglingImages(parts).toSorted((a, b) => a.usedAt - b.usedAt);
  for (;;) {
    const cache = await oldestCache(parts);
    const [image] = images;
    const cacheFirst = cache !== undefined && (image === undefined || cache.usedAt <= image.usedAt);
    const next = cacheFirst ? cache : images.shift();
    if (next === undefined) return;
    const gone = await next.letGo();
    if (gone === undefined && cacheFirst) return;
    if (gone !== undefined) yield { kind: cacheFirst ? 'build-cache' : 'image', ...gone };
  }
}

/**
 * Lets go, least recently used first, until the budget is kept or nothing is left that may go: what can be undone,
 * compressed layers that a registry can give again, then build cache and untagged images. Never anything tagged, used
 * by a container or protected by a lease.
 */
export const enforceBudget = async (
  parts: Parts,
  limit: SpaceLimit,
  options: { readonly signal?: AbortSignal | undefined; readonly tell: (gone: LetGo) => void },
): Promise<BudgetUse> => {
  let mounts = await cacheMountBytes(parts);
  const most = await limitBytes(parts.root, limit);
  const use = (): BudgetUse => ({ limit: most, used: contentBytes(parts) + mounts });
  if (use().used <= most) return use();
  for await (const gone of lettingGo(parts)) {
    options.tell(gone);
    options.signal?.throwIfAborted();
    await setImmediate();
    // Only prunes of the cache make these smaller, and looking at each of their files takes long.
    if (gone.kind === 'build-cache') mounts = await cacheMountBytes(parts);
    if (use().used <= most) break;
  }
  return use();
};
