import {
  createHttpClient,
  httpErrors,
  isLoopbackHost,
  type HttpClient,
  type HttpResponse,
  type OutboundGuard,
} from '#http';
import type { HostSettings, RetryPolicy } from './types.ts';

const DEFAULT_IDLE_MS = 60_000;

const isLoopback = (address: string): boolean =>
  URL.canParse(`http://${address}`) &&
  isLoopbackHost(new URL(`http://${address}`).hostname.replace(/^\[(.*)\]$/, '$1'));

/** Lets the rest of an answer pass unread, so that its connection can be used again. */
export const drain = (response: HttpResponse): void => {
  response.body.on('error', () => undefined);
  response.body.resume();
};

/** Loopback hosts are careless unless they are marked as secure. */
const isCareless = (address: string, { insecure }: HostSettings): boolean =>
  insecure ?? isLoopback(address.replace(/^https?:\/\//, ''));

/** Base URLs in the order they are tried. */
export const baseCandidates = (address: string, settings: HostSettings): readonly string[] => {
  if (address.includes('://')) return [address.replace(/\/+$/, '')];
  if (settings.plainHttp === true) return [`http://${address}`];
  if (settings.insecure === undefined && isLoopback(address))
    return [`http://${address}`, `https://${address}`];
  return settings.insecure === true ? [`https://${address}`, `http://${address}`] : [`https://${address}`];
};

/** A TLS server answers plain HTTP by hanging up, or as Go does with a 400. */
const speaksOther = (failure: unknown, status: number | undefined): boolean =>
  status === 400 ||
  httpErrors.connectionLost.is(failure) ||
  httpErrors.notTls.is(failure) ||
  httpErrors.unreachable.is(failure);

const answersAt = async (http: HttpClient, base: string): Promise<boolean> => {
  try {
    const response = await http.request({ url: `${base}/v2/` });
    drain(response);
    return !speaksOther(undefined, response.status);
  } catch (error) {
    if (speaksOther(error, undefined)) return false;
    throw error;
  }
};

const discover = async (http: HttpClient, candidates: readonly string[]): Promise<string> => {
  for (const candidate of candidates.slice(0, -1)) {
    if (await answersAt(http, candidate)) return candidate;
  }
  return candidates.at(-1) ?? '';
};

/** Where a host is, and what may be sent there. */
export interface Endpoint {
  readonly http: HttpClient;
  /** Whether plain HTTP is acceptable on the way. */
  readonly allowPlain: boolean;
  /** Scheme, host and port; found out once. */
  base(): Promise<string>;
  /** It answered a request, so its certificates and ours fit. */
  answered(): void;
  hasAnswered(): boolean;
}

export interface EndpointOptions {
  readonly address: string;
  readonly settings: HostSettings;
  readonly retry?: RetryPolicy | undefined;
  readonly guard?: OutboundGuard | undefined;
}

/** The connections to one host. Loopback hosts may speak plain HTTP or have any certificate. */
export const createEndpoint = ({ address, settings, retry, guard }: EndpointOptions): Endpoint => {
  const idleMs = retry?.idleMs ?? DEFAULT_IDLE_MS;
  const careless = isCareless(address, settings);
  const http = createHttpClient({
    ca: settings.ca,
    cert: settings.cert,
    key: settings.key,
    insecure: careless,
    proxy: settings.proxy,
    guard,
    timeouts: { idleMs, headersMs: idleMs * 5 },
  });
  let base: Promise<string> | undefined;
  let hasAnswered = false;
  return {
    http,
    allowPlain: careless || settings.plainHttp === true || address.startsWith('http://'),
    answered: () => void (hasAnswered = true),
    hasAnswered: () => hasAnswered,
    base: async () => {
      base ??= discover(http, baseCandidates(address, settings));
      const pending = base;
      return pending.catch((error: unknown) => {
        if (base === pending) base = undefined;
        throw error;
      });
    },
  };
};
