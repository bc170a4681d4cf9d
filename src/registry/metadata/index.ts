export { openMetadata } from './metadata.ts';
export { readManifest, type ManifestFacts } from './manifest.ts';
export { isTag, parseTarget, requireDigest, requireName, requireTag, type ManifestTarget } from './names.ts';
export {
  compareSpecificity,
  compilePattern,
  isPattern,
  mostSpecific,
  type RepositoryPattern,
} from './repository-pattern.ts';
export { metadataErrors } from './errors.ts';
export type {
  Account,
  AccountChange,
  AccountStore,
  GrantSubject,
  NewAccount,
  Permission,
  PersonalToken,
  RefreshToken,
  Session,
  SigningKey,
  StoredGrant,
} from './account-types.ts';
export type {
  ChainFault,
  ChainHead,
  ChainReport,
  RestoredTag,
  RestorePoint,
  TagHistory,
  TagHistoryFilter,
  TagMove,
  TagMoveReason,
  TagRestore,
} from './tag-history-types.ts';
export type {
  Accounting,
  ByteAccount,
  NamespaceUsage,
  RecountReport,
  RegistryUsage,
  RepositoryUsage,
  TagUsage,
  UsageFault,
} from './accounting-types.ts';
export { quotaSettings, tagsSettings } from './policy-settings.ts';
export type {
  Policies,
  PolicyRules,
  QuotaRule,
  QuotaUsage,
  TagPolicy,
  WriteOnceRule,
} from './policy-types.ts';
export type {
  BlobLink,
  Cause,
  ContentStore,
  Journal,
  JournalAction,
  JournalEntry,
  JournalFilter,
  ManifestHead,
  ManifestPut,
  MetadataStore,
  NewEntry,
  Page,
  Referrer,
  Removal,
  StoredManifest,
} from './types.ts';
export type {
  CollectionStore,
  EdgeState,
  LinkState,
  ManifestState,
  PullCount,
  PullStore,
  RemovalKind,
  RemovalRecord,
  RemovalTotals,
  RemovalUnit,
  RemovedItem,
  TagState,
  UndoResult,
} from './collection-types.ts';
export { blobsOfSnapshot } from './backup-store.ts';
export { REMOVALS_LOCK } from './upstream-types.ts';
export type {
  BackupHold,
  BackupStore,
  CacheUsage,
  CachedManifest,
  ManifestUse,
  UpstreamRecords,
  UpstreamTag,
} from './upstream-types.ts';
export type {
  CatalogStore,
  FoundImage,
  ImageFacts,
  LayerFact,
  ManifestKind,
  ManifestSummary,
  ReadManifest,
  RepositoryCard,
  RepositorySummary,
  TagSummary,
  UnreadManifest,
} from './catalog-types.ts';
export type { DeadLetter, DeliveryState, DeliveryStore } from './delivery-types.ts';
export type { NeedState, ScrubStore } from './scrub-types.ts';
