export { createAccess, type AccessOptions } from './create-access.ts';
export { createAccountService, type AccountService } from './account-service.ts';
export { createOpenAccess, localCaller } from './open-access.ts';
export { isVisible, requireNeeds } from './require.ts';
export { accessSettings, isOpenAccess, type AccessSettings } from './settings.ts';
export { ROLES, type Role } from './roles.ts';
export { accessErrors, retryAfterOf } from './errors.ts';
export type { AccessControl, AccessRequest, Action, Caller, ClientCertificate, Need } from './types.ts';
