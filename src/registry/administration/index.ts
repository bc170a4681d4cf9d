export { ADMINISTRATION_PATH, createAdministration } from './administration.ts';
export { createTokenRoutes } from './token-routes.ts';
export { administrationErrors } from './errors.ts';
export type { AdminServices } from './types.ts';
