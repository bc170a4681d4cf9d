import type { SecureContext } from 'node:tls';
import { connectionFailure } from './failure.ts';
import { createNodeTransport, type SettledRequest } from './node-transport.ts';
import { createTrust } from './trust.ts';
import type { HttpClient, HttpClientOptions, HttpRequest } from './types.ts';
import { createUndiciTransport } from './undici-transport.ts';

const settle = (request: HttpRequest, base: string | undefined): SettledRequest => ({
  method: request.method ?? 'GET',
  url: new URL(request.url, base),
  headers: request.headers ?? {},
  body: request.body,
  signal: request.signal,
});

/**
 * Makes a client with its own connection pool. Nothing is connected and no network stack is loaded before the first
 * request. Failures are LadeErrors: HTTP_UNREACHABLE, HTTP_CONNECTION_LOST, HTTP_UNTRUSTED_CERTIFICATE, HTTP_NOT_TLS,
 * HTTP_TIMED_OUT, HTTP_INVALID_PROXY or SYSTEM_CANCELLED. An error inside an answer's body destroys that stream.
 */
export const createHttpClient = (options: HttpClientOptions = {}): HttpClient => {
  let context: SecureContext | undefined;
  const trust = (): SecureContext => (context ??= createTrust(options));
  const raw = createNodeTransport(options, trust);
  const pooled = options.socketPath === undefined ? createUndiciTransport(options, trust) : raw;
  const base = options.socketPath === undefined ? options.baseUrl : 'http://localhost';
  const targetOf = (url: URL): string => options.socketPath ?? url.host;

  const guarded = async <T>(request: SettledRequest, send: () => Promise<T>): Promise<T> => {
    try {
      return await send();
    } catch (error) {
      throw connectionFailure(error, targetOf(request.url), request.signal);
    }
  };

  return {
    request: async (request) => {
      const settled = settle(request, base);
      return guarded(settled, () => pooled.request(settled));
    },
    upgrade: async (request) => {
      const settled = { ...settle(request, base), protocol: request.protocol };
      return guarded(settled, () => raw.upgrade(settled));
    },
    [Symbol.asyncDispose]: async () => {
      await raw[Symbol.asyncDispose]();
      await pooled[Symbol.asyncDispose]();
    },
  };
};
