export { runRegistryd } from './run.ts';
export { startRegistryd, type Registryd } from './serve.ts';
export type { RegistrydOptions } from './options.ts';
