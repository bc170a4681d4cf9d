export { openRoot } from './root.ts';
export { openImageStore } from './image-store.ts';
export { createKeyedLock, type KeyedLock } from './keyed-lock.ts';
export { storeMigrations } from './migrations.ts';
export { storeErrors } from './errors.ts';
export type {
  BlobInfo,
  BlobStore,
  CollectOptions,
  Collected,
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
  LayerCollection,
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
  TargetMember,
  TargetRecord,
} from './types.ts';
