export { ADMINISTRATION_PATH, createAdministration } from './administration.ts';
export { administrationErrors } from './errors.ts';
export type { AdminServices } from './types.ts';
