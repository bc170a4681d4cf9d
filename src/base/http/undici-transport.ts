import type { SecureContext } from 'node:tls';
import type { Dispatcher } from 'undici';
import type { Transport } from './node-transport.ts';
import { targetOf, type OutboundGuard } from './outbound-guard.ts';
import { proxyAmong, proxyFor } from './proxy.ts';
import type { HttpClientOptions } from './types.ts';
import type * as undiciExports from './undici-exports.ts';

type Undici = typeof undiciExports;
type Connector = undiciExports.Connector;
type BuildOptions = undiciExports.BuildOptions;

const commonOptions = (options: HttpClientOptions) => ({
  headersTimeout: options.timeouts?.headersMs ?? 0,
  bodyTimeout: options.timeouts?.idleMs ?? 0,
  keepAliveTimeout: 15_000,
  pipelining: 1,
  allowH2: false,
});

const chosenProxy = (url: URL, choice: HttpClientOptions['proxy']): URL | undefined => {
  if (choice === 'none') return undefined;
  return choice === undefined || choice === 'environment' ? proxyFor(url) : proxyAmong(url, choice);
};

/** Connects to what the guard lets through, by the addresses that it has checked. */
const guardedConnector = (
  { buildConnector }: Undici,
  guard: OutboundGuard,
  options: BuildOptions,
): Connector => {
  const connectors = new Map<string, Connector>();
  return (wish, callback) => {
    const target = {
      host: wish.hostname,
      port: Number(wish.port) || (wish.protocol === 'https:' ? 443 : 80),
    };
    try {
      guard.checkLiteral(target);
    } catch (error) {
      callback(error as Error, null);
      return;
    }
    const key = `${target.host} ${target.port}`;
    const connect = connectors.get(key) ?? buildConnector({ ...options, lookup: guard.lookup(target) });
    connectors.set(key, connect);
    connect(wish, callback);
  };
};

/** Pooled connections over the network, straight or through the proxies that the environment names. */
export const createUndiciTransport = (options: HttpClientOptions, trust: () => SecureContext): Transport => {
  let loading: Promise<Undici> | undefined;
  const dispatchers = new Map<string, Dispatcher>();
  const tls = () => ({ secureContext: trust(), rejectUnauthorized: options.insecure !== true });
  const timeout = options.timeouts?.connectMs ?? 15_000;

  const dispatcherFor = (undici: Undici, url: URL): Dispatcher => {
    const proxy = chosenProxy(url, options.proxy);
    const key = `${url.protocol} ${proxy?.href ?? ''}`;
    const known = dispatchers.get(key);
    if (known !== undefined) return known;
    const connect = { timeout, ...(url.protocol === 'https:' ? tls() : {}) };
    const { guard } = options;
    const straight =
      guard === undefined ? connect : guardedConnector(undici, guard, { ...connect, allowH2: false });
    const made =
      proxy === undefined
        ? new undici.Agent({ ...commonOptions(options), connect: straight })
        : new undici.ProxyAgent({
            ...commonOptions(options),
            uri: proxy.href,
            connect: { timeout },
            ...(url.protocol === 'https:' ? { requestTls: connect } : {}),
            ...(proxy.protocol === 'https:' ? { proxyTls: { timeout, ...tls() } } : {}),
          });
    dispatchers.set(key, made);
    return made;
  };

  return {
    request: async ({ method, url, headers, body, signal }) => {
      loading ??= import('./undici-exports.ts');
      const undici = await loading;
      if (chosenProxy(url, options.proxy) !== undefined) await options.guard?.checkResolved(targetOf(url));
      const {
        statusCode,
        headers: answered,
        body: stream,
      } = await undici.request(url, {
        dispatcher: dispatcherFor(undici, url),
        method,
        headers: headers as Record<string, string | string[] | undefined>,
        body: body ?? null,
        signal: signal ?? null,
      });
      return { status: statusCode, headers: answered, body: stream };
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...dispatchers.values()].map((dispatcher) => dispatcher.destroy()));
    },
  };
};
