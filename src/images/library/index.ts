export { createLibrary } from './library.ts';
export { applyChanges } from './changes.ts';
export { libraryErrors } from './errors.ts';
export type { AssembledImage, Assembly, AssemblyPart, ImageStatement } from './assembly-types.ts';
export type { ConfigDifference, DiffRequest, ImageDiff } from './diff-types.ts';
export type { LayerTransfers, OpenRepository } from './layer-transfers.ts';
export type { ImageLists, InspectedList, SeenManifest } from './list-types.ts';
export type {
  PruneOutlook,
  UndoEntry,
  Undone,
  CreateImageRequest,
  HistoryItem,
  ImageAction,
  ImageEvent,
  ImageInspect,
  ImageSummary,
  ImageUsage,
  ImageView,
  ImportRequest,
  LayerStatus,
  Library,
  LibraryDependencies,
  LibraryEvent,
  LibraryUsage,
  ListOptions,
  LoadOptions,
  PruneRequest,
  Pruned,
  PullRequest,
  PushRequest,
  Pushed,
  Removal,
  RemoveOptions,
  ResolveOptions,
  SaveOptions,
} from './types.ts';
