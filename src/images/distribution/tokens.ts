import { collect, type HttpClient, type HttpRequest, type HttpResponse } from '#http';
import * as z from 'zod/mini';
import { answerError } from './api-errors.ts';
import type { Challenge } from './challenge.ts';
import { drain } from './endpoint.ts';
import { distributionErrors } from './errors.ts';
import { retrying } from './retry.ts';
import type { Cancellable, Credentials, RetryPolicy } from './types.ts';

const MAX_TOKEN_BYTES = 1024 * 1024;
const SHORTEST_LIFE_S = 60;
const CLIENT_ID = 'lade';

export interface Token {
  readonly value: string;
  /** On this machine's clock, a little early. */
  readonly expiresMs: number;
  readonly refreshToken: string | undefined;
}

export interface TokenWish extends Cancellable {
  readonly challenge: Extract<Challenge, { kind: 'bearer' }>;
  readonly scopes: readonly string[];
  readonly credentials: Credentials | undefined;
  /** Asks for a refresh token as well (a login). */
  readonly offline?: boolean | undefined;
  readonly retry?: RetryPolicy | undefined;
}

const tokenBody = z.object({
  token: z.nullish(z.string()),
  access_token: z.nullish(z.string()),
  expires_in: z.nullish(z.number()),
  refresh_token: z.nullish(z.string()),
});

/** `Authorization: Basic` for a name and a password. */
export const basicHeader = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

const getRequest = ({ challenge, scopes, credentials, offline, signal }: TokenWish): HttpRequest => {
  const url = new URL(challenge.realm);
  if (challenge.service !== undefined) url.searchParams.set('service', challenge.service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  url.searchParams.set('client_id', CLIENT_ID);
  if (offline === true) url.searchParams.set('offline_token', 'true');
  if (credentials?.kind !== 'basic') return { url, signal };
  url.searchParams.set('account', credentials.username);
  return { url, signal, headers: { authorization: basicHeader(credentials.username, credentials.password) } };
};

/** The OAuth2 form of a request; `grant` says by what. */
const formRequest = (
  { challenge, scopes, offline, signal }: TokenWish,
  grant: Readonly<Record<string, string>>,
): HttpRequest => {
  const form = new URLSearchParams({
    ...grant,
    service: challenge.service ?? '',
    client_id: CLIENT_ID,
    scope: scopes.join(' '),
    ...(offline === true ? { access_type: 'offline' } : {}),
  });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return { method: 'POST', url: challenge.realm, headers, body: form.toString(), signal };
};

/** Ways to ask, in the order they are tried: a token server that knows no GET gets a form. */
const requestsFor = (wish: TokenWish): readonly HttpRequest[] => {
  const { credentials } = wish;
  if (credentials?.kind === 'identity-token')
    return [formRequest(wish, { grant_type: 'refresh_token', refresh_token: credentials.token })];
  if (credentials?.kind !== 'basic') return [getRequest(wish)];
  const { username, password } = credentials;
  return [getRequest(wish), formRequest(wish, { grant_type: 'password', username, password })];
};

const readToken = async (response: HttpResponse, host: string): Promise<Token> => {
  const bytes = await collect(response.body, MAX_TOKEN_BYTES);
  let body: z.infer<typeof tokenBody>;
  try {
    body = tokenBody.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw distributionErrors.unreadableAnswer({ host, reason: 'the token is not JSON' }, error);
  }
  const value = (body.token ?? '') || (body.access_token ?? '');
  if (value === '') throw distributionErrors.unreadableAnswer({ host, reason: 'there is no token in it' });
  const seconds = Math.max(body.expires_in ?? SHORTEST_LIFE_S, SHORTEST_LIFE_S);
  return { value, expiresMs: Date.now() + seconds * 900, refreshToken: body.refresh_token ?? undefined };
};

/**
 * Asks a token server (distribution's token and OAuth2 protocols) for a token with the scopes; it may grant less.
 *
 * @throws DISTRIBUTION_UNAUTHORIZED when it does not accept the credentials
 */
export const fetchToken = async (http: HttpClient, host: string, wish: TokenWish): Promise<Token> => {
  const requests = requestsFor(wish);
  for (const [index, request] of requests.entries()) {
    const send = (): Promise<HttpResponse> => http.request(request);
    const response = await retrying(send, { policy: wish.retry, failures: false, signal: wish.signal });
    if (response.status === 200) return readToken(response, host);
    const isLast = index === requests.length - 1;
    if (isLast || ![404, 405].includes(response.status))
      throw await answerError(response, { host, name: host, kind: 'ping' });
    drain(response);
  }
  throw distributionErrors.unreadableAnswer({ host, reason: 'there is no token in it' });
};
