import type { AccessControl, Caller } from './types.ts';

/** Who calls through the registry's own socket, or calls a registry without access control. */
export const localCaller: Caller = {
  name: 'local',
  kind: 'local',
  loggedIn: true,
  may: () => true,
  administrator: true,
};

/** Everybody may do everything: for a registry on loopback only. */
export const createOpenAccess = (): AccessControl => ({
  authenticate: async () => ({ ...localCaller, name: 'anonymous', kind: 'anonymous' }),
  challenge: () => 'Basic realm="lade registry"',
  [Symbol.asyncDispose]: async () => undefined,
});
