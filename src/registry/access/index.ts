export { createHtpasswd } from './htpasswd.ts';
export { createOpenAccess, localCaller } from './open-access.ts';
export { requireNeeds } from './require.ts';
export { accessErrors } from './errors.ts';
export type { AccessControl, AccessRequest, Action, Caller, ClientCertificate, Need } from './types.ts';
