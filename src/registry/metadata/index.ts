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
