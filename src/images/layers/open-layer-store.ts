import { createReadStream } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { span } from '#events';
import { type DiffId } from '#oci';
import { removeTree } from '#sys';
import { infoOf, staged, syncLayersOf, type Core } from './adopt.ts';
import { formName, probeErofs } from './backend.ts';
import { compareStacks } from './compare-stacks.ts';
import { layerErrors } from './errors.ts';
import { createLayerJobs } from './jobs.ts';
import { createLayerFiles, STAGING_PREFIX, type LayerFiles } from './layer-files.ts';
import { writeLayerTar } from './layer-writer.ts';
import { openLayerRecords } from './records.ts';
import { remakeForms, replaceLayer, verifyForms } from './repair.ts';
import { createSnapshots, type Snapshots } from './snapshots.ts';
import { createStacks, type Stacks } from './stacks.ts';
import { endOldViews, sweepLeftovers } from './sweep.ts';
import type { StoredTar } from './unpack-job.ts';
import { unpackNew } from './unpack-layer.ts';
import { openView } from './views.ts';
import { createWrittenLayers, type WrittenFiles, type WrittenLayers } from './written-files.ts';
import type {
  BackendName,
  LayerInfo,
  LayerSource,
  LayersRoot,
  LayerStore,
  LayerStoreOptions,
  LayersView,
  LayerWriter,
  UnpackOptions,
  WriteLayerOptions,
} from './types.ts';

const chooseBackend = (files: LayerFiles, wanted: BackendName | undefined): BackendName => {
  if (wanted === 'directories') return wanted;
  const reason = probeErofs(files.layers);
  if (reason === undefined) return 'erofs';
  if (wanted === 'erofs') throw layerErrors.backendUnusable({ backend: wanted, reason });
  return 'directories';
};

/** A store whose parts know each other. */
interface Open {
  readonly core: Core;
  readonly stacks: Stacks;
  readonly snapshots: Snapshots;
  /** Stacks of open views, by view. */
  readonly views: Map<LayersView, readonly DiffId[]>;
  /** Unpacking layers of known digest. */
  readonly unpacking: Map<DiffId, Promise<LayerInfo>>;
  readonly written: WrittenLayers;
}

const viewOf = async (
  store: Omit<Open, 'snapshots' | 'written'>,
  layers: readonly DiffId[],
): Promise<LayersView> => {
  const { core, stacks, views } = store;
  await stacks.prepare(layers);
  const { mounts, empty } = core.files;
  const inner = openView({ mounts, empty, lowers: (stack) => stacks.lowers(stack) }, layers);
  const view: LayersView = {
    path: inner.path,
    async [Symbol.asyncDispose]() {
      if (views.delete(view)) await inner[Symbol.asyncDispose]();
    },
  };
  views.set(view, layers);
  return view;
};

const createOpen = (core: Core): Open => {
  const views: Open['views'] = new Map();
  const stacks: Stacks = createStacks({
    ...core,
    async withView(layers, use) {
      await using view = await viewOf({ core, stacks, views, unpacking }, layers);
      await use(view.path);
    },
  });
  const unpacking: Open['unpacking'] = new Map();
  const view = (layers: readonly DiffId[]): Promise<LayersView> =>
    viewOf({ core, stacks, views, unpacking }, layers);
  const snapshots = createSnapshots({ core, stacks, view });
  const written = createWrittenLayers((diffId) => core.files.tar(diffId));
  return { core, stacks, snapshots, views, unpacking, written };
};

/** Makes a dependent layer ready for the stack it came with, when all of that is there. */
const prepareAbove = async (
  store: Open,
  info: LayerInfo,
  below: readonly DiffId[] | undefined,
): Promise<void> => {
  const { layers } = store.core.records;
  if (below === undefined || layers.get(info.diffId)?.dependent !== true) return;
  if (below.every((diffId) => layers.has(diffId))) await store.stacks.prepare([...below, info.diffId]);
};

const unpackOnce = async (store: Open, source: LayerSource, options: UnpackOptions): Promise<LayerInfo> => {
  const { expected, lease, below } = options;
  if (expected === undefined) {
    const info = await unpackNew(store.core, source, options);
    await prepareAbove(store, info, below);
    return info;
  }
  await lease?.protect('layer', expected);
  const known = infoOf(store.core, expected);
  const running = store.unpacking.get(expected);
  if (known !== undefined) return known;
  if (running !== undefined) return await running;
  const unpacked = unpackNew(store.core, source, options).finally(() => store.unpacking.delete(expected));
  store.unpacking.set(expected, unpacked);
  const info = await unpacked;
  await prepareAbove(store, info, below);
  return info;
};

const writeOnce = async (
  store: Open,
  write: (writer: LayerWriter) => Promise<void>,
  { signal, lease, ahead }: WriteLayerOptions,
): Promise<LayerInfo> => {
  const { backend } = store.core;
  const form = formName(backend);
  using opened = store.written.open();
  const { donors } = opened;
  let files: WrittenFiles = new Map();
  const make = async (staging: string): Promise<StoredTar> => {
    const made = await writeLayerTar({ staging, backend, form, donors, signal }, write);
    ({ files } = made);
    return made.stored;
  };
  const usable = Promise.withResolvers<LayerInfo>();
  const used = new Set<DiffId>();
  const onUsable = (info: LayerInfo): void => {
    used.add(info.diffId);
    usable.resolve(info);
  };
  const record = async (): Promise<LayerInfo> => {
    try {
      const info = await staged(store.core, make, lease, ahead === undefined ? undefined : onUsable);
      store.written.remember(info.diffId, info.size, files);
      return info;
    } catch (error) {
      // Mounts of what was seen too early must not be taken for those of a later try.
      for (const diffId of used) await store.stacks.release(diffId);
      throw error;
    }
  };
  const recorded = record();
  recorded.then(usable.resolve, usable.reject);
  ahead?.(recorded);
  return await usable.promise;
};

const userOf = (store: Open, diffId: DiffId): string | undefined => {
  const snapshot = [...store.core.records.snapshots.values()].find(({ layers }) => layers.includes(diffId));
  if (snapshot !== undefined) return `the ${snapshot.kind} snapshot ${snapshot.id}`;
  return [...store.views.values()].some((layers) => layers.includes(diffId)) ? 'an open view' : undefined;
};

const removeLayer = async (store: Open, diffId: DiffId, into: string | undefined): Promise<void> => {
  const { core, stacks } = store;
  if (!core.records.layers.has(diffId)) return;
  const user = userOf(store, diffId);
  if (user !== undefined) throw layerErrors.layerInUse({ diffId, user });
  await core.records.deleteLayer(diffId);
  await stacks.release(diffId);
  const leaving = into ?? join(core.files.layers, `${STAGING_PREFIX}${randomUUID()}`);
  const path = core.files.layer(diffId);
  // A full disk may have no room for the new name.
  const moved = await rename(path, leaving).then(
    () => true,
    () => false,
  );
  if (!moved || into === undefined) await removeTree(moved ? leaving : path);
};

const tarPathOf = ({ core }: Open, diffId: DiffId): string => {
  if (infoOf(core, diffId) === undefined) throw layerErrors.layerNotFound({ diffId });
  return core.files.tar(diffId);
};

/** Keeps only the mounts below mounted snapshots. */
const releaseForms = async ({ stacks, snapshots }: Open): Promise<void> => {
  const used = snapshots.list().filter((snapshot) => snapshot.mounted);
  await stacks.releaseUnused(used.map((snapshot) => snapshot.layers));
};

const close = async (store: Open): Promise<void> => {
  const { core, views } = store;
  for (const view of views.keys()) await view[Symbol.asyncDispose]();
  await releaseForms(store);
  await core.jobs[Symbol.asyncDispose]();
};

const layerStoreOf = (store: Open): LayerStore => {
  const { core, stacks, snapshots } = store;
  return {
    backend: core.backend,
    info: (diffId) => infoOf(core, diffId),
    list: () => [...core.records.layers.values()].map(({ diffId, size }) => ({ diffId, size })),
    unpack: (source, options = {}) => unpackOnce(store, source, options),
    writeLayer: (write, options = {}) => writeOnce(store, write, options),
    openTar: (diffId) => createReadStream(tarPathOf(store, diffId), { highWaterMark: 256 * 1024 }),
    tarPath: (diffId) => tarPathOf(store, diffId),
    prepare: (layers) => stacks.prepare(layers),
    createSnapshot: (request) => snapshots.create(request),
    snapshot: (id) => snapshots.get(id),
    snapshots: () => snapshots.list(),
    mountReadOnly: (layers) => span('mount view', '', () => viewOf(store, layers)),
    compare: (request) => compareStacks(request, (diffId) => tarPathOf(store, diffId)),
    remove: (diffId, into) => removeLayer(store, diffId, into),
    whenFull: (run) => void (core.makeRoom.run = run),
    verifyForms: (diffId) => verifyForms(core, diffId),
    remakeForms: (diffId) => remakeForms(core, stacks, diffId),
    replace: (diffId, source, into) => replaceLayer(core, stacks, { diffId, source, into }),
    sweep: () => sweepLeftovers(core),
    async usage(diffId) {
      tarPathOf(store, diffId);
      return { bytes: await core.jobs.usage({ path: core.files.layer(diffId), withoutHoles: true }) };
    },
    [Symbol.asyncDispose]: () => close(store),
  };
};

/**
 * Opens the layers of a root directory, which no other process has open. Snapshots that an earlier process left mounted
 * are taken over as they are; everything unfinished is swept.
 */
export const openLayerStore = async (
  root: LayersRoot,
  options: LayerStoreOptions = {},
): Promise<LayerStore> => {
  const files = createLayerFiles(root.path);
  const core: Core = {
    backend: chooseBackend(files, options.backend),
    files,
    records: openLayerRecords(root.database),
    jobs: createLayerJobs(),
    busy: new Set(),
    adopting: new Map(),
    syncLayers: syncLayersOf(files),
    makeRoom: { run: async () => false },
  };
  await endOldViews(core.files);
  await sweepLeftovers(core);
  const store = createOpen(core);
  // A killed process leaves mounts of layers that it had not recorded yet, and they keep deleted files on the disk.
  await releaseForms(store);
  return layerStoreOf(store);
};
