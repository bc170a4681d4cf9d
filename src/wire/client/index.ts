export { createDockerClient } from './client.ts';
export { clientErrors } from './errors.ts';
export { DEFAULT_HOST, chooseHost, formatHost, parseHost, type HostChoice } from './host.ts';
export { demultiplex, type OutputPart } from './multiplexed.ts';
export {
  configFolder,
  readDockerConfig,
  writeDockerConfig,
  type DockerConfig,
  type StoredAuth,
} from './docker-config.ts';
export {
  encodeCredentials,
  loginKey,
  openCredentials,
  registryHostOf,
  repositoryOf,
  type Credentials,
  type RegistryCredentials,
} from './credentials.ts';
export type {
  ClientAnswer,
  ClientRequest,
  DaemonHost,
  DockerClient,
  Hijacked,
  QueryValue,
  TlsFiles,
} from './types.ts';
