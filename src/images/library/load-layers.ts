import type { DiffId, ImageConfig } from '#oci';
import { allOrAbort } from './all-or-abort.ts';
import type { ArchiveEntries } from './archive-entries.ts';
import type { SinceImage } from './archive-images.ts';
import type { Context } from './context.ts';
import { libraryErrors } from './errors.ts';
import { createLimit } from './limit.ts';
import type { Load } from './load.ts';

/** Layers unpacked at once. */
const PARALLEL = 2;

const missing = (path: string, diffId: DiffId, since: readonly SinceImage[]): Error => {
  const base = since.find((image) => image.diffIds.includes(diffId));
  return base === undefined
    ? libraryErrors.archiveIncomplete({ path })
    : libraryErrors.sinceImageMissing({ name: base.name, id: base.id, diffId });
};

/** Where the bytes of a layer are that is not unpacked yet: among what was loaded, or in the store. */
const packedLayer = (context: Context, entries: ArchiveEntries, path: string, diffId: DiffId) => {
  const entry = entries.get(path);
  if (entry?.kind === 'blob') return entry.digest;
  return context.store.images.layerBlobs(diffId)[0]?.digest;
};

/** Makes one layer present as `diffId`: from the archive, or since it is here already. */
const placeLayer = async (
  context: Context,
  load: Load,
  layer: { readonly path: string; readonly diffId: DiffId; readonly below: readonly DiffId[] },
): Promise<void> => {
  const { path, diffId, below } = layer;
  const { lease, signal } = load;
  const entry = load.entries.get(path);
  if (entry?.kind === 'layer' && entry.diffId !== diffId) {
    throw libraryErrors.archiveLayerMismatch({ path, expected: diffId, actual: entry.diffId });
  }
  if (context.layers.info(diffId) !== undefined) return;
  const digest = packedLayer(context, load.entries, path, diffId);
  if (digest === undefined) throw missing(path, diffId, load.since);
  const source = { kind: 'file', path: context.store.blobs.path(digest), compression: 'auto' } as const;
  await context.layers.unpack(source, { expected: diffId, below, lease, signal });
};

/** Makes all layers of an image present; `paths` are where the archive has them, lowest first. */
export const placeLayers = async (
  context: Context,
  load: Load,
  { config, paths }: { readonly config: ImageConfig; readonly paths: readonly string[] },
): Promise<void> => {
  const { diffIds } = config.rootfs;
  const [layers, wanted] = [paths.length, diffIds.length];
  if (layers !== wanted) throw libraryErrors.layerCountMismatch({ layers, diffIds: wanted });
  await Promise.all(diffIds.map((diffId) => load.lease.protect('layer', diffId)));
  const limit = createLimit(PARALLEL);
  const tasks = diffIds.map((diffId, index) => (signal: AbortSignal) => {
    const layer = { path: paths[index] ?? '', diffId, below: diffIds.slice(0, index) };
    return limit(() => placeLayer(context, { ...load, signal }, layer));
  });
  await allOrAbort(tasks, load.signal);
};
