export { openRoot } from './root.ts';
export { openImageStore } from './image-store.ts';
export { createKeyedLock, type KeyedLock } from './keyed-lock.ts';
export { storeMigrations } from './migrations.ts';
export { storeErrors } from './errors.ts';
export { allocatedBytes } from './allocated-bytes.ts';
export { UNDO } from './deletions.ts';
export type { ListEntry, ManifestList, ManifestLists } from './manifest-lists.ts';
export type {
  CollectOptions,
  Collected,
  Content,
  Deletion,
  Deletions,
  Keeping,
  KeptDeletion,
  LayerCollection,
  Ownership,
  Refetchable,
  Restored,
  Space,
} from './space-types.ts';
export type {
  BlobInfo,
  BlobStore,
  Holder,
  Holds,
  ImageKind,
  ImageRecord,
  ImageRecords,
  ImageReference,
  ImageStore,
  Ingest,
  IngestOptions,
  LayerBlob,
  Lease,
  LeaseOptions,
  Leases,
  ManifestLink,
  MemberKind,
  NewImage,
  NewMember,
  NewTarget,
  ProtectedKind,
  Root,
  RootOptions,
  Share,
  TargetMember,
  TargetRecord,
} from './types.ts';
