import { toLadeError } from '#errors';
import type { LayerStore } from '#layers';
import type { Context } from './context.ts';
import { letGoDeleted } from './undo.ts';

/** Blobs that are let go at a time. */
const BATCH = 8;

const FULL: ReadonlySet<string> = new Set(['SYSTEM_DISK_FULL', 'SYS_DISK_FULL', 'DATABASE_DISK_FULL']);

/** Whether something failed because the disk is full. */
export const isDiskFull = (error: unknown): boolean => FULL.has(toLadeError(error).code);

/** Deletes blobs that a registry can give again; bytes that became free. */
export const letGoRefetchable = async (
  { store }: Pick<Context, 'store'>,
  most = Number.POSITIVE_INFINITY,
): Promise<number> => {
  const blobs = store.space.refetchable().slice(0, most);
  if (blobs.length === 0) return 0;
  return await (await store.space.letGo(blobs.map(({ digest }) => digest))).freed();
};

const free = async (context: Context): Promise<boolean> => {
  await context.store.space.settled();
  while (context.store.deletions.count() > 0) if ((await letGoDeleted(context, 'oldest')) > 0) return true;
  return (await letGoRefetchable(context, BATCH)) > 0;
};

/**
 * Makes room on a full disk: first what deletions keep, the oldest first, then blobs that a registry can give again.
 * Resolves with whether anything became free; those who ask together share one answer.
 */
export const createRelief = (context: () => Context): (() => Promise<boolean>) => {
  let running: Promise<boolean> | undefined;
  return () => {
    running ??= free(context()).finally(() => (running = undefined));
    return running;
  };
};

/** Runs work again as long as it fails for want of space and some can be made. */
export const withRoom = async <T>(makeRoom: () => Promise<boolean>, work: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isDiskFull(error) || !(await makeRoom().catch(() => false))) throw error;
    }
  }
};

/** Layers whose unpacking makes room where it can be repeated: from a file that is complete. */
export const roomyLayers = (layers: LayerStore, makeRoom: () => Promise<boolean>): LayerStore => ({
  ...layers,
  unpack: (source, options) =>
    source.kind === 'file' && source.growing === undefined
      ? withRoom(makeRoom, () => layers.unpack(source, options))
      : layers.unpack(source, options),
});
