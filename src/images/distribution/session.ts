import type { LadeError } from '#errors';
import { httpErrors, type HttpRequest, type HttpResponse, type OutboundGuard, type RequestBody } from '#http';
import { createAuthorizer, type Authorizer } from './authorizer.ts';
import { createEndpoint, drain, type Endpoint } from './endpoint.ts';
import { distributionErrors } from './errors.ts';
import { followRedirects, type Exchange } from './redirects.ts';
import { retrying } from './retry.ts';
import type { Cancellable, Credentials, HostSettings, RetryPolicy } from './types.ts';

/** One call of the registry protocol. */
export interface ApiRequest extends Cancellable {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path under the host, or an absolute URL the host gave. */
  readonly url: string | URL;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Called for every try. */
  readonly body?: (() => RequestBody) | undefined;
  readonly repository?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** Tries in all; the policy's when absent. */
  readonly attempts?: number | undefined;
}

export interface ApiResponse extends HttpResponse {
  /** Where the answer came from, after redirects. */
  readonly url: URL;
}

/** Talks to one registry host: finds its scheme, proves the caller, follows redirects, tries again. */
export interface Session extends AsyncDisposable {
  readonly host: string;
  readonly retry: RetryPolicy | undefined;
  readonly authorizer: Authorizer;
  /** Any answer but those that stay transient after all tries; 401 only when nothing more can be proved. */
  send(request: ApiRequest): Promise<ApiResponse>;
}

export interface SessionOptions {
  /** What errors call the host. */
  readonly host: string;
  /** `host[:port]` as in a name, or a base URL (a mirror). */
  readonly address: string;
  readonly settings: HostSettings;
  readonly credentials: (repository: string) => Promise<Credentials | undefined>;
  readonly userAgent: string;
  readonly retry?: RetryPolicy | undefined;
  readonly offline?: boolean | undefined;
  readonly guard?: OutboundGuard | undefined;
}

const MAX_AUTH_ROUNDS = 2;
type Sender = (request: ApiRequest) => Promise<ApiResponse>;

const reasonOf = (error: LadeError): string => {
  const told = error.details?.['reason'];
  return typeof told === 'string' ? told : error.message;
};

/** A host that wants client certificates only hangs up on the pooled transport; the plain one is told why. */
const whyLost = async (endpoint: Endpoint, url: URL, lost: LadeError): Promise<LadeError> => {
  if (url.protocol !== 'https:' || endpoint.hasAnswered()) return lost;
  try {
    const result = await endpoint.http.upgrade({ method: 'GET', url: `${url.origin}/v2/` });
    if (result.kind === 'upgraded') result.socket.destroy();
    else drain(result);
    return lost;
  } catch (error) {
    return httpErrors.clientRefused.is(error) ? error : lost;
  }
};

/** Sends; what is wrong with certificates is told with what to do for this registry. */
const trusting = async (endpoint: Endpoint, request: HttpRequest): Promise<HttpResponse> => {
  try {
    const response = await endpoint.http.request(request);
    endpoint.answered();
    return response;
  } catch (thrown) {
    const url = new URL(request.url);
    const error = httpErrors.connectionLost.is(thrown) ? await whyLost(endpoint, url, thrown) : thrown;
    const { host } = url;
    if (httpErrors.untrustedCertificate.is(error))
      throw distributionErrors.untrustedCertificate({ host, reason: reasonOf(error) }, error);
    if (httpErrors.clientRefused.is(error))
      throw distributionErrors.clientCertificateWanted({ host, reason: reasonOf(error) }, error);
    throw error;
  }
};

/** Sends as who we are, if that may go along: the Authorization header stays at home. */
const createSender =
  (endpoint: Endpoint, options: SessionOptions) =>
  async (request: ApiRequest, authorization: string | undefined): Promise<ApiResponse> => {
    const root = await endpoint.base();
    const url = typeof request.url === 'string' ? new URL(`${root}${request.url}`) : request.url;
    const { origin } = new URL(root);
    const send = (hop: Exchange): Promise<HttpResponse> =>
      trusting(endpoint, {
        method: request.method,
        url: hop.url,
        signal: request.signal,
        body: request.body?.(),
        headers: {
          'user-agent': options.userAgent,
          ...request.headers,
          ...(hop.url.origin === origin && authorization !== undefined ? { authorization } : {}),
        },
      });
    return followRedirects({ url }, send, { host: options.host, allowPlain: endpoint.allowPlain });
  };

/** Proves the caller as often as the host asks for something new. */
const createProver =
  (authorizer: Authorizer, endpoint: Endpoint, send: ReturnType<typeof createSender>): Sender =>
  async (request) => {
    const wish = {
      repository: request.repository ?? '',
      scopes: request.scopes ?? [],
      signal: request.signal,
    };
    for (let round = 0; ; round += 1) {
      const authorization = await authorizer.header(wish);
      const response = await send(request, authorization);
      if (response.status !== 401 || round === MAX_AUTH_ROUNDS) return response;
      // Whom a redirect led to must not say where the credentials of this host go.
      if (response.url.host !== new URL(await endpoint.base()).host) return response;
      if (!(await authorizer.learn(response, wish, authorization))) return response;
      drain(response);
    }
  };

export const createSession = (options: SessionOptions): Session => {
  const endpoint = createEndpoint(options);
  const { http } = endpoint;
  const authorizer = createAuthorizer({ ...options, http, allowPlain: endpoint.allowPlain });
  const prove = createProver(authorizer, endpoint, createSender(endpoint, options));
  return {
    host: options.host,
    retry: options.retry,
    authorizer,
    send: (request) =>
      retrying(() => prove(request), {
        policy: options.retry,
        attempts: request.attempts,
        failures: true,
        signal: request.signal,
      }),
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
};

/** Fails with the error that fits when the host turned out not to speak the protocol. */
export const requireHeader = (response: ApiResponse, name: string, host: string): string => {
  const value = response.headers[name];
  if (typeof value === 'string' && value !== '') return value;
  throw distributionErrors.unreadableAnswer({ host, reason: `the ${name} header is missing` });
};
