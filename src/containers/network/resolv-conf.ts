import { readFileSync } from 'node:fs';
import type { ResolvConfRequest } from './types.ts';

/** Where the servers of a user-defined network's containers answer. */
export const RESOLVER_ADDRESS = '127.0.0.11';
/** Where systemd-resolved writes the servers behind its own. */
const RESOLVED = '/run/systemd/resolve/resolv.conf';

export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

const words = (line: string): readonly string[] => line.split(/\s+/).slice(1);

/** Reads resolv.conf(5); the last `search` line counts, and `domain` is a search list of one. */
export const parseResolvConf = (text: string): ResolvConf => {
  const lines = text.split('\n').map((line) => line.replace(/[#;].*$/, '').trim());
  const named = (name: string): readonly string[] => lines.filter((line) => line.split(/\s/)[0] === name);
  const search = lines.findLast((line) => /^(search|domain)\s/.test(line));
  return {
    nameservers: named('nameserver').flatMap((line) => words(line).slice(0, 1)),
    search: search === undefined ? [] : words(search),
    options: named('options').flatMap(words),
  };
};

export const formatResolvConf = (conf: ResolvConf): string =>
  [
    ...conf.nameservers.map((address) => `nameserver ${address}`),
    ...(conf.search.length === 0 ? [] : [`search ${conf.search.join(' ')}`]),
    ...(conf.options.length === 0 ? [] : [`options ${conf.options.join(' ')}`]),
    '',
  ].join('\n');

/** Containers have no IPv6, and a loopback of their own. */
const isReachable = (address: string): boolean => !address.startsWith('127.') && !address.includes(':');

const read = (path: string): ResolvConf => {
  try {
    return parseResolvConf(readFileSync(path, 'utf8'));
  } catch {
    return { nameservers: [], search: [], options: [] };
  }
};

/** This machine's servers as a program on this machine uses them. */
export const readNameservers = (path: string): readonly string[] => read(path).nameservers;

/** This machine's settings without servers that only answer this machine itself. */
const outside = (path: string): ResolvConf => {
  const own = read(path);
  const reachable = own.nameservers.filter(isReachable);
  if (reachable.length > 0 || own.nameservers.length === 0) return { ...own, nameservers: reachable };
  const behind = read(RESOLVED).nameservers.filter(isReachable);
  return { ...own, nameservers: behind };
};

/** Whether containers of the default bridge need our resolver because this machine's servers answer only itself. */
export const needsResolver = (path: string): boolean =>
  read(path).nameservers.length > 0 && outside(path).nameservers.length === 0;

export interface ResolvConfFacts {
  /** This machine's file. */
  readonly path: string;
  /** The container is on a network whose names we answer. */
  readonly named: boolean;
}

/** See `Networks.resolvConf`. */
export const resolvConf = (request: ResolvConfRequest, facts: ResolvConfFacts): string => {
  const { dns = [], dnsSearch = [], dnsOptions = [] } = request;
  const host = request.hostNetwork === true ? read(facts.path) : outside(facts.path);
  const search = dnsSearch.length === 0 ? host.search : dnsSearch.filter((domain) => domain !== '.');
  const options = dnsOptions.length === 0 ? host.options : dnsOptions;
  if (facts.named)
    return formatResolvConf({
      nameservers: [RESOLVER_ADDRESS],
      search,
      options: options.some((option) => option.startsWith('ndots:')) ? options : [...options, 'ndots:0'],
    });
  return formatResolvConf({ nameservers: dns.length === 0 ? host.nameservers : dns, search, options });
};
