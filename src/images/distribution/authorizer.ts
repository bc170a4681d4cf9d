import type { HttpClient, HttpResponse } from '#http';
import { parseChallenges, type Challenge } from './challenge.ts';
import { basicHeader, fetchToken, type Token } from './tokens.ts';
import type { Cancellable, Credentials } from './types.ts';

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
}

const headerText = (value: HttpResponse['headers'][string]): string =>
  typeof value === 'string' ? value : (value ?? []).join(', ');

const preferred = (challenges: readonly Challenge[]): Challenge | undefined =>
  challenges.find(({ kind }) => kind === 'bearer') ?? challenges[0];

/** Keeps what one host asked for and the tokens it took; concurrent requests share one token request. */
export const createAuthorizer = (options: AuthorizerOptions): Authorizer => {
  let challenge: Challenge | undefined;
  let lastRefreshToken: string | undefined;
  const tokens = new Map<string, Promise<Token>>();
  const extraScopes = new Map<string, string>();

  const scopesOf = (wish: AuthorizationWish): readonly string[] => {
    const extra = extraScopes.get(wish.scopes.join(' '));
    return extra === undefined ? wish.scopes : [...new Set([...wish.scopes, ...extra.split(' ')])];
  };

  const freshToken = async (
    bearer: Extract<Challenge, { kind: 'bearer' }>,
    wish: AuthorizationWish,
  ): Promise<Token> => {
    const credentials = await options.credentials(wish.repository);
    const { offline } = options;
    const token = await fetchToken(options.http, options.host, {
      challenge: bearer,
      scopes: scopesOf(wish),
      credentials,
      offline,
      signal: wish.signal,
    });
    lastRefreshToken = token.refreshToken ?? lastRefreshToken;
    return token;
  };

  const tokenFor = async (
    bearer: Extract<Challenge, { kind: 'bearer' }>,
    wish: AuthorizationWish,
  ): Promise<Token> => {
    const key = wish.scopes.join(' ');
    const known = await tokens.get(key)?.catch(() => undefined);
    if (known !== undefined && known.expiresMs > Date.now()) return known;
    const made = freshToken(bearer, wish);
    tokens.set(key, made);
    made.catch(() => tokens.delete(key));
    return made;
  };

  const header = async (wish: AuthorizationWish): Promise<string | undefined> => {
    if (challenge === undefined) return undefined;
    const credentials = await options.credentials(wish.repository);
    if (credentials?.kind === 'bearer') return `Bearer ${credentials.token}`;
    if (challenge.kind === 'bearer') return `Bearer ${(await tokenFor(challenge, wish)).value}`;
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
      const key = wish.scopes.join(' ');
      if (learned.kind === 'bearer') {
        if (learned.scope !== undefined && wish.scopes.length > 0) extraScopes.set(key, learned.scope);
        const cached = await tokens.get(key)?.catch(() => undefined);
        if (cached !== undefined && sent === `Bearer ${cached.value}`) tokens.delete(key);
      }
      const next = await header(wish);
      return next !== undefined && next !== sent;
    },
    refreshToken: () => lastRefreshToken,
  };
};
