import { createAccess, type Access, type AccessOptions } from './create-access.ts';
import { createPasswords } from './passwords.ts';
import type { AccessSettings } from './settings.ts';
import { createThrottle } from './throttle.ts';

/** Access control whose settings can change while it is used. */
export interface ReloadableAccess extends Access {
  /**
   * Takes over other settings; when they cannot be used, the present ones stay.
   *
   * @throws ACCESS_HTPASSWD_UNREADABLE
   */
  reload(settings: AccessSettings): Promise<void>;
}

/** `createAccess`, to be given other settings. Failed logins stay counted. */
export const createReloadableAccess = async (options: AccessOptions): Promise<ReloadableAccess> => {
  const passwords = options.passwords ?? createPasswords();
  const throttle = options.throttle ?? createThrottle();
  let current = await createAccess({ ...options, passwords, throttle });
  return {
    authenticate: (request) => current.authenticate(request),
    challenge: (needs, request) => current.challenge(needs, request),
    get tokens() {
      return current.tokens;
    },
    get exchange() {
      return current.exchange;
    },
    get signIn() {
      return current.signIn;
    },
    reload: async (settings) => {
      const before = current;
      current = await createAccess({ ...options, settings, passwords, throttle });
      await before[Symbol.asyncDispose]();
    },
    [Symbol.asyncDispose]: async () => {
      await current[Symbol.asyncDispose]();
      if (options.passwords === undefined) await passwords[Symbol.asyncDispose]();
    },
  };
};
