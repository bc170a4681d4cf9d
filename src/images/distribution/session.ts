import {
  createHttpClient,
  httpErrors,
  isLoopbackHost,
  type HttpClient,
  type HttpResponse,
  type RequestBody,
} from '#http';
import { createAuthorizer, type Authorizer } from './authorizer.ts';
import { distributionErrors } from './errors.ts';
import { followRedirects, type Exchange } from './redirects.ts';
import { createRetry, isTransientFailure, isTransientStatus, retryAfterMs } from './retry.ts';
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
}

const MAX_AUTH_ROUNDS = 2;
const DEFAULT_IDLE_MS = 60_000;

const isLoopback = (address: string): boolean =>
  URL.canParse(`http://${address}`) &&
  isLoopbackHost(new URL(`http://${address}`).hostname.replace(/^\[(.*)\]$/, '$1'));

/** Base URLs in the order they are tried. */
export const baseCandidates = (address: string, settings: HostSettings): readonly string[] => {
  if (address.includes('://')) return [address.replace(/\/+$/, '')];
  if (settings.plainHttp === true) return [`http://${address}`];
  if (isLoopback(address)) return [`http://${address}`, `https://${address}`];
  return settings.insecure === true ? [`https://${address}`, `http://${address}`] : [`https://${address}`];
};

const clientFor = (options: SessionOptions): HttpClient => {
  const { settings, retry } = options;
  const idleMs = retry?.idleMs ?? DEFAULT_IDLE_MS;
  return createHttpClient({
    ca: settings.ca,
    cert: settings.cert,
    key: settings.key,
    insecure: settings.insecure === true || isLoopback(options.address),
    timeouts: { idleMs, headersMs: idleMs * 5 },
  });
};

/** A TLS server answers plain HTTP by hanging up, or as Go does with a 400. */
const speaksTls = (failure: unknown, status: number | undefined): boolean =>
  status === 400 || httpErrors.connectionLost.is(failure) || httpErrors.notTls.is(failure);

const drain = (response: HttpResponse): void => {
  response.body.on('error', () => undefined);
  response.body.resume();
};

export const createSession = (options: SessionOptions): Session => {
  const http = clientFor(options);
  const retry = createRetry(options.retry);
  const allowPlain =
    options.settings.insecure === true || options.settings.plainHttp === true || isLoopback(options.address);
  const authorizer = createAuthorizer({ ...options, http });
  let base: Promise<string> | undefined;

  const discover = async (): Promise<string> => {
    const candidates = baseCandidates(options.address, options.settings);
    for (const candidate of candidates.slice(0, -1)) {
      try {
        const response = await http.request({ url: `${candidate}/v2/` });
        drain(response);
        if (!speaksTls(undefined, response.status)) return candidate;
      } catch (error) {
        if (!speaksTls(error, undefined)) throw error;
      }
    }
    return candidates.at(-1) ?? '';
  };

  const baseUrl = async (): Promise<string> => {
    base ??= discover();
    const pending = base;
    return pending.catch((error: unknown) => {
      if (base === pending) base = undefined;
      throw error;
    });
  };

  const exchange = async (request: ApiRequest, authorization: string | undefined): Promise<ApiResponse> => {
    const root = await baseUrl();
    const url = typeof request.url === 'string' ? new URL(`${root}${request.url}`) : request.url;
    const origin = new URL(root).origin;
    const send = async (hop: Exchange): Promise<HttpResponse> =>
      http.request({
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
    return followRedirects({ url }, send, { host: options.host, allowPlain });
  };

  const proven = async (request: ApiRequest): Promise<ApiResponse> => {
    const wish = {
      repository: request.repository ?? '',
      scopes: request.scopes ?? [],
      signal: request.signal,
    };
    for (let round = 0; ; round += 1) {
      const authorization = await authorizer.header(wish);
      const response = await exchange(request, authorization);
      if (response.status !== 401 || round === MAX_AUTH_ROUNDS) return response;
      if (!(await authorizer.learn(response, wish, authorization))) return response;
      drain(response);
    }
  };

  const tried = async (request: ApiRequest): Promise<ApiResponse | { readonly failure: unknown }> => {
    try {
      return await proven(request);
    } catch (failure) {
      if (!isTransientFailure(failure)) throw failure;
      return { failure };
    }
  };

  return {
    host: options.host,
    authorizer,
    send: async (request) => {
      const attempts = request.attempts ?? retry.attempts;
      for (let attempt = 1; ; attempt += 1) {
        const result = await tried(request);
        const failed = 'failure' in result;
        if (!failed && !isTransientStatus(result.status)) return result;
        if (attempt >= attempts) {
          if (failed) throw result.failure;
          return result;
        }
        const after = failed ? undefined : retryAfterMs(result.headers['retry-after']);
        if (!failed) drain(result);
        await retry.pause(attempt + 1, { after, signal: request.signal });
      }
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
};

/** Fails with the error that fits when the host turned out not to speak the protocol. */
export const requireHeader = (response: ApiResponse, name: string, host: string): string => {
  const value = response.headers[name];
  if (typeof value === 'string' && value !== '') return value;
  throw distributionErrors.unreadableAnswer({ host, reason: `the ${name} header is missing` });
};
