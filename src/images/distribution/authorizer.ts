import type { HttpClient, HttpResponse } from '#http';
import { parseChallenges, type Challenge } from './challenge.ts';
import { distributionErrors } from './errors.ts';
import { basicHeader, fetchToken, type Token } from './tokens.ts';
import type { Cancellable, Credentials, RetryPolicy } from './types.ts';

export interface AuthorizationWish extends Cancellable {
  /** Path of the repository, empty for none. */
  readonly repository: string;
  readonly scopes: readonly string[];
}

/** Proves the caller to one registry host. */
export interface Authorizer {
  /** The Authorization header for a request, as far as the host's wishes are known. */
  header(wish: AuthorizationWish): Promise<string | undefined>;
  /**
   * Learns from a 401 to a request that carried `sent`; answers whether another try can succeed. Forgets the token that
   * was refused.
   */
  learn(response: HttpResponse, wish: AuthorizationWish, sent: string | undefined): Promise<boolean>;
  /** The refresh token that came with the last token. */
  refreshToken(): string | undefined;
}

export interface AuthorizerOptions {
  readonly host: string;
  readonly http: HttpClient;
  readonly credentials: (repository: string) => Promise<Credentials | undefined>;
  readonly offline?: boolean | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** Whether credentials may go over plain HTTP. */
  readonly allowPlain: boolean;
}

const headerText = (value: HttpResponse['headers'][string]): string =>
  typeof value === 'string' ? value : (value ?? []).join(', ');

const preferred = (challenges: readonly Challenge[]): Challenge | undefined =>
  challenges.find(({ kind }) => kind === 'bearer') ?? challenges[0];

type Bearer = Extract<Challenge, { kind: 'bearer' }>;

interface TokenCache {
  get(challenge: Bearer, wish: AuthorizationWish): Promise<Token>;
  /** The host wants these scopes besides; and `sent`, if it was this token, is worth nothing any more. */
  refused(challenge: Bearer, wish: AuthorizationWish, sent: string | undefined): Promise<void>;
  refreshToken(): string | undefined;
}

/** Secrets of a host that is reached by TLS do not leave by plain HTTP. */
const assertPrivate = (
  { host, allowPlain }: AuthorizerOptions,
  { realm }: Bearer,
  credentials: Credentials | undefined,
): void => {
  if (credentials === undefined || allowPlain || new URL(realm).protocol === 'https:') return;
  throw distributionErrors.insecureRealm({ host, realm: new URL(realm).origin });
};

const keyOf = (wish: AuthorizationWish): string => wish.scopes.join(' ');

/** Tokens by scope; concurrent requests share one token request. */
const createTokenCache = (options: AuthorizerOptions): TokenCache => {
  let lastRefreshToken: string | undefined;
  const tokens = new Map<string, Promise<Token>>();
  const extraScopes = new Map<string, string>();
  const renewed = new Map<string, string>();

  /** A token server may give a new refresh token for an old one. */
  const currentCredentials = async (wish: AuthorizationWish): Promise<Credentials | undefined> => {
    const own = await options.credentials(wish.repository);
    const newer = own?.kind === 'identity-token' ? renewed.get(own.token) : undefined;
    return newer === undefined ? own : { kind: 'identity-token', token: newer };
  };

  const renew = async (wish: AuthorizationWish, refreshToken: string | undefined): Promise<void> => {
    if (refreshToken === undefined) return;
    lastRefreshToken = refreshToken;
    const own = await options.credentials(wish.repository);
    if (own?.kind === 'identity-token') renewed.set(own.token, refreshToken);
  };

  const fetchFresh = async (challenge: Bearer, wish: AuthorizationWish): Promise<Token> => {
    const credentials = await currentCredentials(wish);
    assertPrivate(options, challenge, credentials);
    const extra = extraScopes.get(keyOf(wish));
    const scopes = extra === undefined ? wish.scopes : [...new Set([...wish.scopes, ...extra.split(' ')])];
    const { http, host, offline, retry } = options;
    const token = await fetchToken(http, host, {
      challenge,
      scopes,
      credentials,
      offline,
      retry,
      signal: wish.signal,
    });
    await renew(wish, token.refreshToken);
    return token;
  };

  return {
    get: async (challenge, wish) => {
      const key = keyOf(wish);
      for (let cached = tokens.get(key); cached !== undefined; cached = tokens.get(key)) {
        const known = await cached.catch(() => undefined);
        if (known !== undefined && known.expiresMs > Date.now()) return known;
        if (tokens.get(key) === cached) tokens.delete(key);
      }
      const made = fetchFresh(challenge, wish);
      tokens.set(key, made);
      return made;
    },
    refused: async (challenge, wish, sent) => {
      const key = keyOf(wish);
      if (challenge.scope !== undefined && wish.scopes.length > 0) extraScopes.set(key, challenge.scope);
      const cached = await tokens.get(key)?.catch(() => undefined);
      if (cached !== undefined && sent === `Bearer ${cached.value}`) tokens.delete(key);
    },
    refreshToken: () => lastRefreshToken,
  };
};

/** Keeps what one host asked for and the tokens it took. */
export const createAuthorizer = (options: AuthorizerOptions): Authorizer => {
  let challenge: Challenge | undefined;
  const tokens = createTokenCache(options);

  const header = async (wish: AuthorizationWish): Promise<string | undefined> => {
    if (challenge === undefined) return undefined;
    const credentials = await options.credentials(wish.repository);
    if (credentials?.kind === 'bearer') return `Bearer ${credentials.token}`;
    if (challenge.kind === 'bearer') return `Bearer ${(await tokens.get(challenge, wish)).value}`;
    return credentials?.kind === 'basic'
      ? basicHeader(credentials.username, credentials.password)
      : undefined;
  };

  return {
    header,
    learn: async (response, wish, sent) => {
      const learned = preferred(parseChallenges(headerText(response.headers['www-authenticate'])));
      if (learned === undefined) return false;
      challenge = learned;
      if (learned.kind === 'bearer') await tokens.refused(learned, wish, sent);
      const next = await header(wish);
      return next !== undefined && next !== sent;
    },
    refreshToken: () => tokens.refreshToken(),
  };
};
