export { createLibrary } from './library.ts';
export { applyChanges } from './changes.ts';
export { libraryErrors } from './errors.ts';
export type {
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
  PruneRequest,
  Pruned,
  PullRequest,
  PushRequest,
  Pushed,
  Removal,
  RemoveOptions,
  ResolveOptions,
} from './types.ts';
