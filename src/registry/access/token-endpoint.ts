import type { Cause } from '#metadata';
import type { Callers } from './callers.ts';
import { accessErrors } from './errors.ts';
import type { Identity } from './identity.ts';
import type { OwnTokens } from './own-tokens.ts';
import type { RefreshTokens } from './refresh-tokens.ts';
import { grantScopes, parseScopes, scopeText } from './scopes.ts';
import type { SigningKeys } from './signing-keys.ts';
import type { AccessRequest } from './types.ts';

/** What a client gets; the fields of distribution's token specification and of OAuth2. */
export interface TokenAnswer {
  readonly token: string;
  readonly access_token: string;
  /** Seconds. */
  readonly expires_in: number;
  readonly issued_at: string;
  readonly token_type: 'Bearer';
  /** What was granted, which may be less than what was asked for. */
  readonly scope: string;
  readonly refresh_token?: string;
}

/** Makes tokens for clients: `GET` and `POST` of `/token`. */
export interface TokenEndpoint {
  /** With Basic credentials, a client certificate, or as nobody. @throws ACCESS_UNAUTHORIZED, ACCESS_THROTTLED */
  get(request: AccessRequest, query: URLSearchParams): Promise<TokenAnswer>;
  /**
   * OAuth2: grant types `password` and `refresh_token`.
   *
   * @throws ACCESS_UNAUTHORIZED, ACCESS_THROTTLED, ACCESS_GRANT_TYPE_UNKNOWN, ACCESS_SERVICE_UNKNOWN
   */
  post(request: AccessRequest, form: URLSearchParams): Promise<TokenAnswer>;
  /** Public keys, for whoever wants to verify tokens. */
  keys(): ReturnType<SigningKeys['published']>;
  /** Signs with a new key from now on; with `drop`, whatever was signed before counts no more. */
  rotateKeys(drop: boolean, cause: Cause): Promise<void>;
}

export interface TokenEndpointParts {
  readonly tokens: OwnTokens;
  readonly refresh: RefreshTokens;
  readonly keys: SigningKeys;
  readonly callers: Callers;
  /** Whom the credentials of a request prove; undefined where it shows none. */
  readonly identify: (request: AccessRequest) => Promise<Identity | undefined>;
  readonly service: string;
  readonly lifetimeMs: number;
  /** Whether GET gives refresh tokens too. */
  readonly identityTokens: boolean;
}

const MS = 1_000;

interface Asked {
  readonly identity: Identity | undefined;
  readonly scopes: readonly string[];
  readonly offline: boolean;
}

const basicHeader = (name: string, password: string): string =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

/** The token service over identities and their rights at this moment. */
export const createTokenEndpoint = (parts: TokenEndpointParts): TokenEndpoint => {
  const { tokens, refresh, keys, callers, identify, service, lifetimeMs } = parts;

  const checkService = (asked: string | null): void => {
    if (asked !== null && asked !== '' && asked !== service)
      throw accessErrors.serviceUnknown({ service: asked.slice(0, 200), known: service });
  };

  /** No token outlives what it was got with. */
  const lifetimeOf = (identity: Identity | undefined): number =>
    Math.min(lifetimeMs, (identity?.untilMs ?? Number.POSITIVE_INFINITY) - Date.now());

  const answer = async ({ identity, scopes, offline }: Asked): Promise<TokenAnswer> => {
    const caller = identity === undefined ? callers.anonymous() : callers.of(identity);
    const access = grantScopes(parseScopes(scopes), {
      may: (action, repository) => caller.may(action, repository),
      self: identity !== undefined,
    });
    const made = await tokens.make({ identity, access, lifetimeMs: lifetimeOf(identity) });
    const refreshToken = offline && identity !== undefined ? await refresh.make(identity) : undefined;
    return {
      token: made.token,
      access_token: made.token,
      token_type: 'Bearer',
      expires_in: Math.round(made.lifetimeMs / MS),
      issued_at: new Date(made.issuedMs).toISOString(),
      scope: access.map(scopeText).join(' '),
      ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    };
  };

  const byPassword = async (request: AccessRequest, form: URLSearchParams): Promise<Identity> => {
    const authorization = basicHeader(form.get('username') ?? '', form.get('password') ?? '');
    const identity = await identify({ ...request, authorization });
    if (identity === undefined) throw accessErrors.unauthorized({});
    return identity;
  };

  return {
    get: async (request, query) => {
      checkService(query.get('service'));
      const identity = await identify(request);
      const offline = parts.identityTokens && query.get('offline_token') === 'true';
      return answer({ identity, scopes: query.getAll('scope'), offline });
    },
    post: async (request, form) => {
      checkService(form.get('service'));
      const [type, scopes] = [form.get('grant_type'), form.getAll('scope')];
      if (type === 'password') {
        const identity = await byPassword(request, form);
        return answer({ identity, scopes, offline: form.get('access_type') === 'offline' });
      }
      if (type !== 'refresh_token') throw accessErrors.grantTypeUnknown({ type: (type ?? '').slice(0, 100) });
      const shown = form.get('refresh_token') ?? '';
      const identity = refresh.read(shown);
      if (identity === undefined) throw accessErrors.unauthorized({});
      // Clients keep what they get back in place of the old one.
      return { ...(await answer({ identity, scopes, offline: false })), refresh_token: shown };
    },
    keys: () => keys.published(),
    rotateKeys: (drop, cause) => keys.rotate(drop, cause),
  };
};
