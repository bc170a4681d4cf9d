import { BlockList, isIP } from 'node:net';

/** Ranges of IPv4 that nobody on the Internet has (IANA's special-purpose registry, RFC 6890). */
const RESERVED_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];

/** The same within the global unicast range of IPv6: Teredo and ORCHID, documentation, 6to4. */
const RESERVED_V6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const listOf = (ranges: readonly (readonly [string, number])[], family: 'ipv4' | 'ipv6'): BlockList => {
  const list = new BlockList();
  for (const [network, bits] of ranges) list.addSubnet(network, bits, family);
  return list;
};

const reservedV4 = listOf(RESERVED_V4, 'ipv4');
const reservedV6 = listOf(RESERVED_V6, 'ipv6');
const globalV6 = listOf([['2000::', 3]], 'ipv6');
const mapped = listOf([['::ffff:0:0', 96]], 'ipv6');
const translated = listOf([['64:ff9b::', 96]], 'ipv6');

/** The last 32 bits of an IPv6 address as IPv4. */
const embeddedV4 = (address: string): string => {
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const words = canonical.split(':').slice(-2);
  const [high = 0, low = 0] = words.map((word) => Number.parseInt(word === '' ? '0' : word, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
};

/**
 * Whether an address belongs to the public Internet. IPv6 addresses that stand for an IPv4 address (`::ffff:…` and the
 * well-known prefix of NAT64) are what that address is; what is no address is not public.
 */
export const isPublicAddress = (address: string): boolean => {
  const family = isIP(address);
  if (family === 4) return !reservedV4.check(address, 'ipv4');
  if (family === 0 || address.includes('%')) return false;
  if (mapped.check(address, 'ipv6') || translated.check(address, 'ipv6'))
    return !reservedV4.check(embeddedV4(address), 'ipv4');
  return globalV6.check(address, 'ipv6') && !reservedV6.check(address, 'ipv6');
};
