export { createRegistry } from './registry.ts';
export { openRegistryStorage } from './storage.ts';
export { restoreRegistry } from './restore.ts';
export { registryErrors } from './errors.ts';
export type { CollectOptions, OpenStorage, Registry, RegistryOptions } from './types.ts';
