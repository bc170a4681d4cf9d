import { isLadeError } from '#errors';
import { allocatedBytes, type Content, type Keeping } from '#store';
import { contentBytes } from './content-bytes.ts';
import { announce, type Context } from './context.ts';
import { outlookOf, planPrune, type PrunePlan } from './prune-plan.ts';
import { beginRemoval } from './removal.ts';
import { removeImage } from './remove.ts';
import { shownReference } from './lookup.ts';
import { letGoDeleted } from './undo.ts';
import type { Pruned, PruneOutlook, PruneRequest, Removal } from './types.ts';

/** Removes the names of one step, or the image by its ID. Something that is used by now stays. */
const removeStep = async (
  context: Context,
  { record, names }: PrunePlan['steps'][number],
): Promise<readonly Removal[]> => {
  const removals: Removal[] = [];
  if (context.store.images.get(record.id) === undefined) return removals;
  try {
    for (const name of names.length === 0 ? [record.id] : names)
      removals.push(...(await removeImage(context, name, { prune: true })));
  } catch (error) {
    if (!isLadeError(error, 'conflict') && !isLadeError(error, 'not-found')) throw error;
  }
  return removals;
};

const AT_ONCE = 32;

/** Steps that may be carried out beside each other, so that they share commits: those whose images have no parent. */
const together = (steps: PrunePlan['steps']): readonly PrunePlan['steps'][] => {
  const groups: PrunePlan['steps'][number][][] = [];
  for (const step of steps) {
    const last = groups.at(-1);
    const alone = step.record.parent !== undefined || last?.[0]?.record.parent !== undefined;
    if (last === undefined || alone || last.length >= AT_ONCE) groups.push([step]);
    else last.push(step);
  }
  return groups;
};

/** `docker image prune`: untagged images that nothing holds or was made from; with `all`, tagged ones as well. */
export const pruneImages = async (context: Context, request: PruneRequest = {}): Promise<Pruned> => {
  const purge = request.purge === true;
  const plan = planPrune(context, request);
  const removal = beginRemoval(context, { cause: request.cause ?? 'image prune', purge });
  const removed: Removal[] = [];
  let freed = purge ? await letGoDeleted(context, 'all') : 0;
  for (const steps of together(plan.steps)) {
    const removals = await Promise.all(steps.map((step) => removeStep(removal.context(), step)));
    removed.push(...removals.flat());
  }
  freed += await (await context.collect({ resumable: true })).freed();
  freed += await removal.freed();
  announce(context, 'prune', '');
  return { removed, reclaimed: freed, held: await removal.held() };
};

/** Content that nothing keeps once these images, indexes and holders are gone. */
const freedContent = (context: Context, gone: PruneOutlook['gone']): Content => {
  const owners = context.store.space.ownership();
  const free = ({ images, holders }: Keeping): boolean =>
    images.every((id) => gone.images.has(id)) && holders.every((holder) => gone.holders.has(holder));
  const inUse = new Set(
    context.layers.snapshots().flatMap((one) => (gone.snapshots.has(one.id) ? [] : one.layers)),
  );
  const keptBy = { images: [], holders: [] };
  return {
    blobs: context.store.blobs
      .list()
      .map(({ digest }) => digest)
      .filter((digest) => free(owners.blobs.get(digest) ?? keptBy)),
    layers: context.layers
      .list()
      .map(({ diffId }) => diffId)
      .filter((diffId) => !inUse.has(diffId) && free(owners.layers.get(diffId) ?? keptBy)),
  };
};

const allBytes = async (paths: readonly string[]): Promise<number> => {
  let total = 0;
  for (const path of paths) total += await allocatedBytes(path);
  return total;
};

const emptied = (context: Context, gone: PruneOutlook['gone']) =>
  contentBytes(context, freedContent(context, gone));

/**
 * What `pruneImages` would do with the same request, to the byte: what becomes free, and what would be kept so that it
 * can be undone. `without` names containers, and `holders` kinds of holders, that are gone by then.
 */
export const pruneOutlook = async (context: Context, request: PruneRequest = {}): Promise<PruneOutlook> => {
  const purge = request.purge === true || (context.keepDeletedMs?.() ?? 0) === 0;
  const plan = planPrune(context, request);
  const { images, indexes } = outlookOf(context, plan, request.without);
  const always = ['resumable', ...(request.holders ?? [])];
  const holders = new Set([
    ...always,
    ...(request.purge === true ? ['undo'] : []),
    ...[...indexes].map((digest) => `index ${digest}`),
  ]);
  const gone = { images, holders, snapshots: request.without ?? new Set<string>() };
  const everything = await emptied(context, gone);
  const atOnce = purge
    ? everything
    : await emptied(context, { ...gone, images: new Set(), holders: new Set(always) });
  const partial = await allBytes(await context.store.space.leftovers());
  return {
    gone,
    names: plan.steps.flatMap(({ record, names }) =>
      names.length === 0 ? [record.id] : names.map((name) => shownReference(name)),
    ),
    reclaimed: atOnce + partial,
    held: everything - atOnce,
  };
};
