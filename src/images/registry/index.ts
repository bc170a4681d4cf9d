export { createRegistry } from './registry.ts';
export { openRegistryStorage } from './storage.ts';
export { createHtpasswd } from './htpasswd.ts';
export { createFileDriver } from './file-driver.ts';
export { registryMigrations } from './migrations.ts';
export { registryErrors } from './errors.ts';
export type {
  Authenticator,
  BlobDriver,
  ByteRange,
  CollectOptions,
  CollectResult,
  Identity,
  MetadataStore,
  Registry,
  RegistryEvent,
  RegistryLimits,
  RegistryOptions,
  RegistryStorage,
  UploadState,
} from './types.ts';
