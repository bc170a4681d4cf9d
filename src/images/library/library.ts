import { createKeyedLock, type CollectOptions } from '#store';
import { assemble } from './assemble.ts';
import { createImage, tagImage } from './create-image.ts';
import type { Context } from './context.ts';
import { createDownloads } from './downloads.ts';
import { diffImages } from './image-diff.ts';
import { importImage } from './import.ts';
import { imageHistory, inspectImage } from './inspect.ts';
import { createLayerTransfers } from './layer-transfers.ts';
import { listImages } from './list.ts';
import { loadImages } from './load.ts';
import { createLookup } from './lookup.ts';
import { createImageLists } from './manifest-lists.ts';
import { pruneImages, pruneOutlook } from './prune.ts';
import { prepareImage } from './prepare.ts';
import { pullAllTags, pullImage } from './pull.ts';
import { pushAllTags, pushImage } from './push.ts';
import { completeImage, fetchLayersOf, recompress } from './complete.ts';
import { recordAssembly } from './record-assembly.ts';
import { refetchContent } from './refetch.ts';
import { createRelief, letGoRefetchable, roomyLayers } from './relief.ts';
import { beginRemoval } from './removal.ts';
import { removeImage } from './remove.ts';
import { saveImages } from './save.ts';
import { saveAssembly } from './save-assembly.ts';
import type { ImageView, Library, LibraryDependencies } from './types.ts';
import { letGoDeleted, listDeletions, undo } from './undo.ts';
import { libraryUsage } from './usage.ts';

const nothing = (): void => undefined;

const createContext = (dependencies: LibraryDependencies): Context => {
  const { store } = dependencies;
  const makeRoom = createRelief(() => context);
  store.space.whenFull(makeRoom);
  dependencies.layers.whenFull(makeRoom);
  const layers = roomyLayers(dependencies.layers, makeRoom);
  const collection: CollectOptions['layers'] = {
    list: () => layers.list().map((layer) => layer.diffId),
    inUse: () => new Set(layers.snapshots().flatMap((snapshot) => snapshot.layers)),
    remove: (diffId, into) => layers.remove(diffId, into),
  };
  const context: Context = {
    ...dependencies,
    layers,
    emit: dependencies.emit ?? nothing,
    isRunning: dependencies.isRunning ?? (() => false),
    lookup: createLookup(store),
    downloads: createDownloads(store),
    compressions: createKeyedLock(),
    collect: (options = {}) => store.collect({ ...options, layers: collection }),
  };
  return context;
};

/** The use-cases on the images of one store. */
export const createLibrary = (dependencies: LibraryDependencies): Library => {
  const context = createContext(dependencies);
  const { holds, leases, images } = dependencies.store;
  const used = (view: ImageView): ImageView => {
    images.touch(view.id);
    return view;
  };
  return {
    resolve: (name, options) => used(context.lookup.resolve(name, options)),
    config: (id) => context.lookup.config(id),
    pull: async (request, emit = nothing) => used(await pullImage(context, request, emit)),
    pullAllTags: (request, emit = nothing) => pullAllTags(context, request, emit),
    prepare: (name, options) => prepareImage(context, name, options),
    push: (request, emit = nothing) => pushImage(context, request, emit),
    pushAllTags: (request, emit = nothing, told) => pushAllTags(context, request, emit, told),
    tag: (source, target) => tagImage(context, source, target),
    remove: (name, { purge = false, ...options } = {}) =>
      removeImage(beginRemoval(context, { cause: `rmi ${name}`, purge }).context(), name, options),
    prune: (request) => pruneImages(context, request),
    pruneOutlook: (request) => pruneOutlook(context, request),
    deletions: () => listDeletions(context),
    undo: (what) => undo(context, what),
    letGoDeleted: (which) => letGoDeleted(context, which),
    refetch: (digest, options) => refetchContent(context, digest, options),
    complete: (id, options) => completeImage(context, id, options),
    fetchLayers: (id, options) => fetchLayersOf(context, id, options),
    recompress: (diffId, digest, options) => recompress(context, { diffId, digest }, options),
    letGoRefetchable: (most) => letGoRefetchable(context, most),
    list: (options) => listImages(context, options),
    inspect: (name, options) => inspectImage(context, name, options),
    history: (name, options) => imageHistory(context, name, options),
    diff: (request) => diffImages(context, request),
    lists: createImageLists(context),
    save: async (names, options) => saveImages(context, names, options),
    load: (stream, emit = nothing, options) => loadImages(context, stream, emit, options),
    import: (request) => importImage(context, request),
    createImage: (request) => createImage(context, request),
    assemblies: {
      make: (request) => assemble(context, request),
      record: (assembly, names) => recordAssembly(context, assembly, names),
      save: (assembly, archive) => saveAssembly(context, assembly, archive),
    },
    transfers: createLayerTransfers(context),
    hold: (id, holder) => holds.hold(id, holder),
    release: (holder) => holds.release(holder),
    holds,
    lease: (options) => leases.create(options),
    collect: (options) => context.collect(options),
    usage: () => libraryUsage(context),
  };
};
