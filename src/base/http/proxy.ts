import { BlockList, isIP } from 'node:net';
import { httpErrors } from './errors.ts';
import type { ProxySettings } from './types.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const variable = (
  env: Environment,
  name: string,
): { readonly name: string; readonly value: string } | undefined => {
  for (const key of [name, name.toLowerCase()]) {
    const value = env[key];
    if (value !== undefined && value !== '') return { name: key, value };
  }
  return undefined;
};

const bareHost = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');

/** Whether the host is this machine: `localhost`, 127.0.0.0/8 or ::1. */
export const isLoopbackHost = (host: string): boolean =>
  host === 'localhost' ||
  host.endsWith('.localhost') ||
  host === '::1' ||
  (isIP(host) === 4 && host.startsWith('127.'));

const inRange = (host: string, range: string): boolean => {
  const [network, bits] = range.split('/', 2);
  const family = isIP(host) === 6 ? 'ipv6' : 'ipv4';
  if (network === undefined || isIP(network) !== isIP(host) || !/^\d{1,3}$/.test(bits ?? '')) return false;
  if (Number(bits) > (family === 'ipv6' ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family);
  return list.check(host, family);
};

const splitPort = (entry: string): { readonly host: string; readonly port: string | undefined } => {
  const match = /^(.*?)(?::(\d+))?$/.exec(isIP(entry) === 6 ? `[${entry}]` : entry);
  return { host: (match?.[1] ?? entry).replace(/^\[(.*)\]$/, '$1'), port: match?.[2] };
};

const excludes = (rawEntry: string, url: URL): boolean => {
  const entry = rawEntry.trim().toLowerCase();
  if (entry === '') return false;
  if (entry === '*') return true;
  const host = bareHost(url);
  if (entry.includes('/')) return isIP(host) !== 0 && inRange(host, entry);
  const { host: pattern, port } = splitPort(entry);
  const urlPort = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  if (port !== undefined && port !== urlPort) return false;
  const name = pattern.replace(/^\*?\./, '');
  return host.endsWith(`.${name}`) || (host === name && !/^\*?\./.test(pattern)) || host === pattern;
};

/**
 * The proxy the environment names for `url`, with the rules that curl and Go share: HTTPS_PROXY, HTTP_PROXY, then
 * ALL_PROXY, upper case before lower; NO_PROXY lists `*`, names, `.suffixes`, addresses, ranges, each with an optional port.
 * Loopback hosts never use one.
 *
 * @throws HTTP_INVALID_PROXY
 */
export const proxyFor = (url: URL, env: Environment = process.env): URL | undefined => {
  if (isLoopbackHost(bareHost(url))) return undefined;
  const named =
    variable(env, url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY') ?? variable(env, 'ALL_PROXY');
  if (named === undefined) return undefined;
  const exceptions = variable(env, 'NO_PROXY')?.value.split(/[,\s]+/) ?? [];
  if (exceptions.some((entry) => excludes(entry, url))) return undefined;
  const text = named.value.includes('://') ? named.value : `http://${named.value}`;
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy === undefined || !/^https?:$/.test(proxy.protocol)) {
    throw httpErrors.invalidProxy({ variable: named.name });
  }
  return proxy;
};

/** The same for proxies that are given rather than named by the environment. */
export const proxyAmong = (url: URL, { http, https, except }: ProxySettings): URL | undefined =>
  proxyFor(url, { HTTP_PROXY: http, HTTPS_PROXY: https, NO_PROXY: except?.join(',') });
