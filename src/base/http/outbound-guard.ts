import { lookup as resolve, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { httpErrors } from './errors.ts';
import { isPublicAddress } from './public-address.ts';

/**
 * Decides where a client may connect to. Addresses are checked at the moment of connecting, as they were resolved for
 * this very connection: a name that means something else the next time, a redirect, and an address written in another
 * way change nothing.
 */
export interface OutboundGuard {
  /** @throws HTTP_TARGET_REFUSED for a literal address that is refused */
  checkLiteral(target: OutboundTarget): void;
  /** The same for every address that the name has now; for connections that somebody else makes (a proxy). */
  checkResolved(target: OutboundTarget): Promise<void>;
  /** Resolves names for `net.connect`; leaves out addresses that are refused. */
  lookup(target: OutboundTarget): LookupFunction;
}

export interface OutboundTarget {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface OutboundGuardOptions {
  /**
   * What may be reached although it is not public: `10.0.0.0/8`, `192.168.1.7`, `registry.internal`,
   * `localhost:5000`. Ranges and addresses are compared with what a name resolves to, names with the name itself.
   */
  readonly allow?: readonly string[] | undefined;
  /** How names are resolved, for tests. */
  readonly resolve?: typeof resolve | undefined;
}

interface Allowed {
  readonly hosts: ReadonlySet<string>;
  readonly ranges: BlockList;
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

const addRange = (ranges: BlockList, entry: string): boolean => {
  const [network = '', bits] = entry.replace(/^\[(.*)\]$/, '$1').split('/', 2);
  if (isIP(network) === 0) return false;
  if (bits === undefined) ranges.addAddress(network, familyOf(network));
  else if (!/^\d{1,3}$/.test(bits) || Number(bits) > (isIP(network) === 6 ? 128 : 32)) return false;
  else ranges.addSubnet(network, Number(bits), familyOf(network));
  return true;
};

const plainName = (host: string): string => host.toLowerCase().replace(/\.$/, '');

const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)(?::\d{1,5})?$/;

const parseAllowed = (entries: readonly string[]): Allowed => {
  const hosts = new Set<string>();
  const ranges = new BlockList();
  for (const entry of entries.map(plainName)) {
    if (addRange(ranges, entry)) continue;
    if (!HOST.test(entry)) throw httpErrors.invalidAllowance({ entry });
    hosts.add(entry);
  }
  return { hosts, ranges };
};

/** Whether text can stand in the list of what may be reached: a range, an address, HOST or HOST:PORT. */
export const isAllowance = (entry: string): boolean =>
  addRange(new BlockList(), plainName(entry)) || HOST.test(plainName(entry));

const isNamed = ({ hosts }: Allowed, { host, port }: OutboundTarget): boolean => {
  const name = plainName(host);
  const bracketed = isIP(name) === 6 ? `[${name}]` : name;
  return hosts.has(name) || hosts.has(`${bracketed}:${port}`);
};

/**
 * Refuses connections to addresses that are not public (loopback, private, link-local, shared, multicast, reserved, and
 * IPv6 addresses that carry such an IPv4 address), unless they are allowed. For everything that connects because
 * somebody else named the target.
 *
 * @throws HTTP_INVALID_ALLOWANCE
 */
export const createOutboundGuard = (options: OutboundGuardOptions = {}): OutboundGuard => {
  const allowed = parseAllowed(options.allow ?? []);
  const resolveName = options.resolve ?? resolve;

  const isAllowed = (target: OutboundTarget, address: string): boolean =>
    isNamed(allowed, target) || isPublicAddress(address) || allowed.ranges.check(address, familyOf(address));

  const refusal = (target: OutboundTarget, address: string): Error =>
    httpErrors.targetRefused({ target: `${target.host}:${target.port}`, address });

  const allAddresses = (host: string): Promise<readonly LookupAddress[]> =>
    new Promise((done) =>
      resolveName(host, { all: true }, (error, found) => done(error === null ? found : [])),
    );

  const checkLiteral = (target: OutboundTarget): void => {
    if (isIP(target.host) !== 0 && !isAllowed(target, target.host)) throw refusal(target, target.host);
  };

  return {
    checkLiteral,
    checkResolved: async (target) => {
      checkLiteral(target);
      const found = await allAddresses(target.host);
      const bad = found.find(({ address }) => !isAllowed(target, address));
      if (bad !== undefined) throw refusal(target, bad.address);
    },
    lookup: (target) => (_name, wish, callback) =>
      resolveName(target.host, { ...wish, all: true }, (error, found) => {
        if (error !== null) return callback(error, '');
        const kept = found.filter(({ address }) => isAllowed(target, address));
        if (kept[0] === undefined) return callback(refusal(target, found[0]?.address ?? 'nothing'), '');
        return wish.all === true ? callback(null, kept) : callback(null, kept[0].address, kept[0].family);
      }),
  };
};

/** Where a URL leads. */
export const targetOf = (url: URL): OutboundTarget => ({
  host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
  port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
});
