export { createRegistryClient } from './client.ts';
export { copyImage, type CopyEvent, type CopyRequest } from './copy.ts';
export { openRegistryHosts, type RegistryHosts, type RegistryHostsOptions } from './registry-hosts.ts';
export { isRange, type HostsConfiguration } from './hosts-file.ts';
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
