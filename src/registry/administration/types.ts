import type { Hono } from 'hono';
import type { AccessControl, AccountService, Caller } from '#access';
import type { Keeping } from '#keeping';
import type { Cause } from '#metadata';
import type { Notifications } from '#notifications';
import type { ProtocolObserver, RegistryStorage } from '#protocol';
import type { Upstreams } from '#upstreams';

/** What the routes of the administration work with; each topic takes what it needs. */
export interface AdminServices {
  readonly storage: RegistryStorage;
  readonly access: AccessControl;
  readonly accounts: AccountService;
  readonly keeping: Keeping;
  readonly notifications: Notifications;
  /** Absent where no other registry is served through this one. */
  readonly upstreams?: Upstreams | undefined;
  /** Is told of the registry's own faults. */
  readonly observer?: Pick<ProtocolObserver, 'failed'> | undefined;
}

/** What every route finds in its context: who calls, and the cause of what it changes. */
export interface AdminEnv {
  readonly Variables: { readonly caller: Caller; readonly cause: Cause };
}

/** Adds the routes of one topic. Paths are below `/lade/v1/registry`. */
export type AdminRoutes = (app: Hono<AdminEnv>, services: AdminServices) => void;
