import type { AccountStore, Journal } from '#metadata';
import { createAuthenticate } from './authenticate.ts';
import { bearerCaller } from './bearer.ts';
import { createCallers } from './callers.ts';
import { bearerChallenge } from './challenge.ts';
import { createDirectory } from './directory.ts';
import { accessErrors } from './errors.ts';
import { createExchange, type Exchange } from './exchange.ts';
import { createExternalIssuer } from './external-issuer.ts';
import { createFailedLogins } from './failed-logins.ts';
import { createJsonFetch } from './fetch-json.ts';
import { openHtpasswd } from './htpasswd-file.ts';
import { createIdentify } from './identify.ts';
import type { Identity } from './identity.ts';
import { claimedIssuer } from './issuer-keys.ts';
import { createOwnTokens } from './own-tokens.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import type { Proven } from './proven-headers.ts';
import { createRefreshTokens } from './refresh-tokens.ts';
import type { AccessSettings } from './settings.ts';
import { createSignIn, type SignIn } from './sign-in.ts';
import { createSigningKeys } from './signing-keys.ts';
import { createThrottle, type Throttle } from './throttle.ts';
import { createTokenEndpoint, type TokenEndpoint } from './token-endpoint.ts';
import type { AccessControl } from './types.ts';
import { createWorkloads } from './workloads.ts';

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
  readonly exchange: Exchange;
  /** None without a provider. */
  readonly signIn: SignIn | undefined;
}

const BASIC_CHALLENGE = 'Basic realm="lade registry"';
/** Tokens of a replaced key may be this much older than its end. */
const KEY_SLACK_MS = 60 * 60 * 1000;
const SWEEP_MS = 60 * 60 * 1000;

/** Drops what has ended, now and then. */
const sweepExpired = (accounts: AccountStore): Disposable => {
  const timer = setInterval(() => void accounts.dropExpired(Date.now()).catch(() => undefined), SWEEP_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
};

const createNoteUse =
  (accounts: AccountStore) =>
  ({ account, token }: Identity): void => {
    if (account === undefined) return;
    const use = { account: account.name, tokenId: token?.id, atMs: Date.now() };
    void accounts.used(use).catch(() => undefined);
  };

/**
 * Access control by the accounts and grants in the metadata, and by whatever else the settings name.
 *
 * @throws ACCESS_HTPASSWD_UNREADABLE
 */
export const createAccess = async (options: AccessOptions): Promise<Access> => {
  const { accounts, journal, settings } = options;
  const { publicUrl, external, oidc } = settings;
  const { issuer, service, lifetime, refreshLifetime, rotateKeys, identityTokens } = settings.tokens;
  const stack = new AsyncDisposableStack();
  const htpasswd = settings.htpasswd === undefined ? undefined : await openHtpasswd(settings.htpasswd);
  const htpasswdUnlimited = settings.htpasswdUsers === 'administrators';
  const passwords = options.passwords ?? stack.use(createPasswords());
  const fetch = stack.use(createJsonFetch());
  stack.use(sweepExpired(accounts));
  const callers = createCallers(accounts);
  const failures = createFailedLogins(journal);
  const throttle = options.throttle ?? createThrottle();
  const directory = createDirectory({ accounts, passwords, throttle, htpasswd, htpasswdUnlimited });
  const keys = createSigningKeys({ accounts, rotateMs: rotateKeys, keepMs: lifetime + KEY_SLACK_MS });
  const tokens = createOwnTokens({ accounts, htpasswd, htpasswdUnlimited, keys, issuer, service });
  const workloads = createWorkloads(settings.workloads, fetch);
  const outside = external === undefined ? undefined : createExternalIssuer(external, fetch);
  const { certificates } = settings;
  const refresh = createRefreshTokens({ accounts, service, lifetimeMs: refreshLifetime });
  const identify = createIdentify({
    accounts,
    directory,
    failures,
    tokens,
    workloads,
    refresh,
    certificates,
  });
  const noteUse = createNoteUse(accounts);

  const byBearer = async (token: string): Promise<Proven> => {
    if (outside !== undefined && (await claimedIssuer(token)) === outside.issuer) {
      const proven = await outside.prove(token);
      if (proven !== undefined) return proven;
    }
    const found = await tokens.read(token);
    if (found === undefined) throw accessErrors.unauthorized({});
    return { caller: bearerCaller(callers, found), untilMs: found.untilMs };
  };

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
    identityTokens,
  });
  const usesTokens = settings.tokens.enabled || external?.realm !== undefined;
  return {
    authenticate: createAuthenticate({
      callers,
      identify,
      byBearer,
      version: () => accounts.version() + (htpasswd?.version() ?? 0),
      noteUse,
    }),
    challenge: (needs, request) =>
      usesTokens
        ? bearerChallenge(
            { realm: external?.realm, publicUrl, service: external?.audience ?? service },
            needs,
            request,
          )
        : BASIC_CHALLENGE,
    tokens: settings.tokens.enabled ? endpoint : undefined,
    exchange: createExchange({
      workloads,
      tokens,
      lifetimeMs: lifetime,
      onFailure: (address) => failures.record({ name: 'oidc', address, reason: 'no rule for this token' }),
    }),
    signIn:
      oidc === undefined
        ? undefined
        : createSignIn({ accounts, fetch }, { ...oidc, sessionLifetimeMs: oidc.sessionLifetime, publicUrl }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};
