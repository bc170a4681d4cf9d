export { layerErrors } from './errors.ts';
export { layersMigrations } from './migrations.ts';
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
