import { startWireRegistry, type WireRegistry } from '../registry/testing.ts';
import { createAccess, type Access } from './create-access.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { accessSettings } from './settings.ts';
import { createThrottle } from './throttle.ts';
import { createAccountService, type AccountService } from './account-service.ts';

/** A Basic header. */
export const basic = (name: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});

/** A Bearer header. */
export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

export const TEST_CAUSE = { actor: 'test' };

/** A registry with access control over the wire, and what stands behind it. */
export interface AccessRegistry extends AsyncDisposable {
  readonly wire: WireRegistry;
  readonly access: Access;
  readonly accounts: AccountService;
  readonly passwords: Passwords;
  /** Milliseconds that logins were made to wait. */
  readonly waited: number[];
  /** Status of a request with these headers. */
  status(method: string, path: string, headers?: Record<string, string>, body?: string): Promise<number>;
  /** A token of the endpoint; the whole answer. */
  token(query: string, headers?: Record<string, string>): Promise<TokenBody>;
}

export interface TokenBody {
  readonly status: number;
  readonly token: string;
  readonly scope: string;
  readonly expires_in: number;
  readonly refresh_token?: string;
}

/** Users `ann` (writer of team/**), `root` (administrator) with passwords `NAME-password`; anonymous reads pub/**. */
export const startAccessRegistry = async (settings: object = {}): Promise<AccessRegistry> => {
  const stack = new AsyncDisposableStack();
  const passwords = stack.use(createPasswords());
  const waited: number[] = [];
  let access: Access | undefined;
  const throttle = createThrottle({ wait: async (ms) => waited.push(ms) });
  const wire = stack.use(
    await startWireRegistry({
      accessOf: async ({ metadata }) =>
        (access = await createAccess({
          ...metadata,
          settings: accessSettings.parse(settings),
          passwords,
          throttle,
        })),
    }),
  );
  if (access === undefined) throw new Error('the registry made no access control');
  const accounts = createAccountService(wire.storage.metadata.accounts);
  await accounts.addUser({ name: 'ann', password: 'ann-password' }, TEST_CAUSE);
  await accounts.addUser({ name: 'root', password: 'root-password', administrator: true }, TEST_CAUSE);
  const grant = (kind: 'user' | 'group', name: string, pattern: string, role: string): Promise<void> =>
    accounts.grant({ subject: { kind, name }, pattern, role }, TEST_CAUSE);
  await grant('user', 'ann', 'team/**', 'writer');
  await grant('group', 'anonymous', 'pub/**', 'reader');
  return {
    wire,
    access,
    accounts,
    passwords,
    waited,
    status: async (method, path, headers = {}, body) =>
      (await wire.call(method, path, { headers, body })).status,
    token: async (query, headers = {}) => {
      const answer = await wire.call('GET', `/token?${query}`, { headers });
      return { ...(answer.json as TokenBody), status: answer.status };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};
