export { layerErrors } from './errors.ts';
export { openLayerStore } from './open-layer-store.ts';
export { layersMigrations } from './migrations.ts';
export { MAX_LOWERS as MAX_STACK } from './overlay.ts';
export type { Aspect, CompareRequest, EntryKind, StackDifference, StackEntry } from './compare-types.ts';
export type {
  BackendName,
  Change,
  ChangesOptions,
  CommitOptions,
  Compression,
  EntrySource,
  GrowingFile,
  LayerEntry,
  LayerInfo,
  LayerLease,
  LayerSource,
  LayerStore,
  LayerStoreOptions,
  LayersRoot,
  LayersView,
  LayerWriter,
  Snapshot,
  SnapshotKind,
  SnapshotRequest,
  UnpackOptions,
  WriteLayerOptions,
} from './types.ts';
