export { runRegistryd } from './run.ts';
export { startRegistryd, type Registryd } from './serve.ts';
export { registrySettings, type RegistrySettings } from './settings.ts';
