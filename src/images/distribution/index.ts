export { createRegistryClient } from './client.ts';
export { verifying } from './verify.ts';
export { distributionErrors } from './errors.ts';
export type {
  BlobOptions,
  Cancellable,
  Credentials,
  FetchedBlob,
  FetchedManifest,
  HostLookup,
  HostSettings,
  Mirror,
  MountResult,
  PushBlobOptions,
  RegistryClient,
  RegistryClientOptions,
  RemoteRepository,
  RetryPolicy,
} from './types.ts';
