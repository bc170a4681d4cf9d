import { collect, createHttpClient, isLoopbackHost, type HttpClient } from '#http';
import { accessErrors } from './errors.ts';

/** Reads JSON documents of the issuers that are configured. */
export interface JsonFetch extends AsyncDisposable {
  get(url: string): Promise<unknown>;
  /** Sends a form; the answer's JSON where it is a success. */
  post(url: string, form: URLSearchParams, headers?: Readonly<Record<string, string>>): Promise<unknown>;
}

const MAX_BYTES = 512 * 1024;
const TIMEOUT_MS = 10_000;

/** https, or http on this machine. @throws ACCESS_ISSUER_UNREACHABLE */
const requireSafe = (url: string): void => {
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '' };
  if (protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname))) return;
  throw accessErrors.issuerUnreachable({ url, reason: 'it is not https' });
};

/** Fetches within bounds of size and time, over https or on loopback, and follows no redirect. */
export const createJsonFetch = (): JsonFetch => {
  let client: HttpClient | undefined;

  const request = async (
    url: string,
    init: { readonly method: string; readonly body?: string; readonly headers: Record<string, string> },
  ): Promise<unknown> => {
    requireSafe(url);
    client ??= createHttpClient({
      timeouts: { connectMs: TIMEOUT_MS, headersMs: TIMEOUT_MS, idleMs: TIMEOUT_MS },
    });
    try {
      const response = await client.request({ url, ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
      const body = await collect(response.body, MAX_BYTES);
      if (response.status !== 200)
        throw accessErrors.issuerUnreachable({ url, reason: `it answered ${response.status}` });
      return JSON.parse(body.toString('utf8'));
    } catch (error) {
      if (accessErrors.issuerUnreachable.is(error)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw accessErrors.issuerUnreachable({ url, reason }, error);
    }
  };

  return {
    get: (url) => request(url, { method: 'GET', headers: { accept: 'application/json' } }),
    post: (url, form, headers = {}) =>
      request(url, {
        method: 'POST',
        body: form.toString(),
        headers: {
          accept: 'application/json',
          'content-type': 'application/x-www-form-urlencoded',
          ...headers,
        },
      }),
    [Symbol.asyncDispose]: async () => client?.[Symbol.asyncDispose](),
  };
};
