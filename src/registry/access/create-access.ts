import type { AccountStore, Journal } from '#metadata';
import { parseBasic } from './basic.ts';
import { createCallers } from './callers.ts';
import { createDirectory } from './directory.ts';
import { accessErrors } from './errors.ts';
import { createFailedLogins } from './failed-logins.ts';
import { openHtpasswd } from './htpasswd-file.ts';
import type { Identity } from './identity.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { createProvenHeaders } from './proven-headers.ts';
import type { AccessSettings } from './settings.ts';
import { createThrottle } from './throttle.ts';
import type { AccessControl, AccessRequest, Caller } from './types.ts';

export interface AccessOptions {
  readonly accounts: AccountStore;
  readonly journal: Pick<Journal, 'append'>;
  readonly settings: AccessSettings;
  /** Own ones when absent. */
  readonly passwords?: Passwords | undefined;
}

const FOREVER = Number.POSITIVE_INFINITY;

/**
 * Access control by the accounts and grants in the metadata, and by whatever else the settings name.
 *
 * @throws ACCESS_HTPASSWD_UNREADABLE
 */
export const createAccess = async (options: AccessOptions): Promise<AccessControl> => {
  const { accounts, journal, settings } = options;
  const stack = new AsyncDisposableStack();
  const file = settings.htpasswd;
  const htpasswd = file === undefined ? undefined : await openHtpasswd(file);
  const passwords = options.passwords ?? stack.use(createPasswords());
  const throttle = createThrottle();
  const callers = createCallers(accounts);
  const failures = createFailedLogins(journal);
  const proven = createProvenHeaders(() => accounts.version() + (htpasswd?.version() ?? 0));
  const directory = createDirectory({
    accounts,
    passwords,
    throttle,
    htpasswd,
    htpasswdUnlimited: settings.htpasswdUsers === 'administrators',
  });

  const noteUse = ({ account, token }: Identity): void => {
    if (account === undefined) return;
    void accounts
      .used({ account: account.name, tokenId: token?.id, atMs: Date.now() })
      .catch(() => undefined);
  };

  const byHeader = async (header: string, request: AccessRequest): Promise<Caller> => {
    const credentials = parseBasic(header);
    if (credentials === undefined) throw accessErrors.unauthorized({});
    const { address } = request;
    const identity = await directory.prove(credentials, address);
    if (identity === undefined) {
      failures.record({ name: credentials.name, address, reason: 'wrong name or password' });
      throw accessErrors.unauthorized({});
    }
    const caller = callers.of(identity);
    proven.add(header, { caller, untilMs: identity.untilMs ?? FOREVER, onUse: () => noteUse(identity) });
    return caller;
  };

  return {
    authenticate: async (request) => {
      const { authorization } = request;
      if (authorization === undefined) return callers.anonymous();
      return proven.find(authorization) ?? byHeader(authorization, request);
    },
    challenge: () => 'Basic realm="lade registry"',
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};
