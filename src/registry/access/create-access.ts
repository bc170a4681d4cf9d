import type { AccountStore, Journal } from '#metadata';
import { parseBasic, parseBearer } from './basic.ts';
import { bearerCaller } from './bearer.ts';
import { createCallers, type Callers } from './callers.ts';
import { bearerChallenge } from './challenge.ts';
import { createDirectory } from './directory.ts';
import { accessErrors } from './errors.ts';
import { createFailedLogins } from './failed-logins.ts';
import { openHtpasswd } from './htpasswd-file.ts';
import type { Identity } from './identity.ts';
import { createOwnTokens } from './own-tokens.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { createProvenHeaders, type Proven } from './proven-headers.ts';
import { createRefreshTokens } from './refresh-tokens.ts';
import type { AccessSettings } from './settings.ts';
import { createSigningKeys } from './signing-keys.ts';
import { createThrottle, type Throttle } from './throttle.ts';
import { createTokenEndpoint, type TokenEndpoint } from './token-endpoint.ts';
import type { AccessControl, AccessRequest, Caller } from './types.ts';

export interface AccessOptions {
  readonly accounts: AccountStore;
  readonly journal: Pick<Journal, 'append'>;
  readonly settings: AccessSettings;
  /** Own ones when absent. */
  readonly passwords?: Passwords | undefined;
  readonly throttle?: Throttle | undefined;
}

/** Access control, and what it offers to clients besides. */
export interface Access extends AccessControl {
  /** None where tokens are switched off. */
  readonly tokens: TokenEndpoint | undefined;
}

const FOREVER = Number.POSITIVE_INFINITY;
const BASIC_CHALLENGE = 'Basic realm="lade registry"';
/** Tokens of a replaced key may be this much older than its end. */
const KEY_SLACK_MS = 60 * 60 * 1000;

/** Proves headers, each in its own way. */
interface Proofs {
  readonly identify: (request: AccessRequest) => Promise<Identity | undefined>;
  readonly byBearer: (token: string, request: AccessRequest) => Promise<Proven>;
}

const createAuthenticate = (
  callers: Callers,
  { identify, byBearer }: Proofs,
  options: { readonly version: () => number; readonly noteUse: (identity: Identity) => void },
): AccessControl['authenticate'] => {
  const proven = createProvenHeaders(options.version);

  const prove = async (header: string, request: AccessRequest): Promise<Caller> => {
    const version = options.version();
    const token = parseBearer(header);
    if (token !== undefined) {
      const found = await byBearer(token, request);
      proven.add(header, found, version);
      return found.caller;
    }
    const identity = await identify(request);
    if (identity === undefined) throw accessErrors.unauthorized({});
    const caller = callers.of(identity);
    const onUse = (): void => options.noteUse(identity);
    proven.add(header, { caller, untilMs: identity.untilMs ?? FOREVER, onUse }, version);
    return caller;
  };

  return async (request) => {
    const { authorization } = request;
    if (authorization !== undefined) return proven.find(authorization) ?? prove(authorization, request);
    const identity = await identify(request);
    return identity === undefined ? callers.anonymous() : callers.of(identity);
  };
};

/**
 * Access control by the accounts and grants in the metadata, and by whatever else the settings name.
 *
 * @throws ACCESS_HTPASSWD_UNREADABLE
 */
export const createAccess = async (options: AccessOptions): Promise<Access> => {
  const { accounts, journal, settings } = options;
  const stack = new AsyncDisposableStack();
  const htpasswd = settings.htpasswd === undefined ? undefined : await openHtpasswd(settings.htpasswd);
  const htpasswdUnlimited = settings.htpasswdUsers === 'administrators';
  const passwords = options.passwords ?? stack.use(createPasswords());
  const throttle = options.throttle ?? createThrottle();
  const callers = createCallers(accounts);
  const failures = createFailedLogins(journal);
  const directory = createDirectory({ accounts, passwords, throttle, htpasswd, htpasswdUnlimited });
  const { issuer, service, lifetime, refreshLifetime, rotateKeys } = settings.tokens;
  const keys = createSigningKeys({ accounts, rotateMs: rotateKeys, keepMs: lifetime + KEY_SLACK_MS });
  const tokens = createOwnTokens({ accounts, htpasswd, htpasswdUnlimited, keys, issuer, service });

  const identify = async (request: AccessRequest): Promise<Identity | undefined> => {
    const { authorization, address } = request;
    if (authorization === undefined) return undefined;
    const credentials = parseBasic(authorization);
    if (credentials === undefined) throw accessErrors.unauthorized({});
    try {
      const identity = await directory.prove(credentials, address);
      if (identity !== undefined) return identity;
    } catch (error) {
      if (accessErrors.throttled.is(error))
        failures.record({ name: credentials.name, address, reason: 'too many failed logins' });
      throw error;
    }
    failures.record({ name: credentials.name, address, reason: 'wrong name or password' });
    throw accessErrors.unauthorized({});
  };

  const byBearer = async (token: string): Promise<Proven> => {
    const found = await tokens.read(token);
    if (found === undefined) throw accessErrors.unauthorized({});
    return { caller: bearerCaller(callers, found), untilMs: found.untilMs };
  };

  const noteUse = ({ account, token }: Identity): void => {
    if (account === undefined) return;
    const use = { account: account.name, tokenId: token?.id, atMs: Date.now() };
    void accounts.used(use).catch(() => undefined);
  };

  const refresh = createRefreshTokens({ accounts, service, lifetimeMs: refreshLifetime });
  const endpoint = createTokenEndpoint({
    tokens,
    refresh,
    keys,
    callers,
    identify: async (request) => {
      const identity = await identify(request);
      if (identity !== undefined) noteUse(identity);
      return identity;
    },
    service,
    lifetimeMs: lifetime,
    identityTokens: settings.tokens.identityTokens,
  });
  const { publicUrl } = settings;
  return {
    authenticate: createAuthenticate(
      callers,
      { identify, byBearer },
      { version: () => accounts.version() + (htpasswd?.version() ?? 0), noteUse },
    ),
    challenge: (needs, request) =>
      settings.tokens.enabled
        ? bearerChallenge({ realm: undefined, publicUrl, service }, needs, request)
        : BASIC_CHALLENGE,
    tokens: settings.tokens.enabled ? endpoint : undefined,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};
