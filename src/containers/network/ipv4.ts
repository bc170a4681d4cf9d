/** An IPv4 address as an unsigned number. */
export type Ipv4 = number;

/** A block of IPv4 addresses. `base` has no bits outside the prefix. */
export interface Cidr {
  readonly base: Ipv4;
  readonly prefix: number;
}

const BITS = 32;
const OCTETS = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** The address, or undefined when it is not in dotted form. */
export const parseIpv4 = (text: string): Ipv4 | undefined => {
  const octets = OCTETS.exec(text)?.slice(1).map(Number);
  if (octets === undefined || octets.some((octet) => octet > 255)) return undefined;
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
};

export const formatIpv4 = (address: Ipv4): string =>
  [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');

/** How many addresses a prefix holds. */
export const blockSize = (prefix: number): number => 2 ** (BITS - prefix);

/** The block that `address` lies in. */
export const blockOf = (address: Ipv4, prefix: number): Cidr => ({
  base: address - (address % blockSize(prefix)),
  prefix,
});

/** A block in the form `10.0.0.0/8`; bits outside the prefix are dropped. Undefined when it is not of that form. */
export const parseCidr = (text: string): Cidr | undefined => {
  const [host = '', length = '', ...rest] = text.split('/');
  const address = parseIpv4(host);
  const prefix = Number(length);
  if (address === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length) || prefix > BITS)
    return undefined;
  return blockOf(address, prefix);
};

export const formatCidr = (block: Cidr): string => `${formatIpv4(block.base)}/${block.prefix}`;

export const lastAddress = (block: Cidr): Ipv4 => block.base + blockSize(block.prefix) - 1;

export const contains = (block: Cidr, address: Ipv4): boolean =>
  address >= block.base && address <= lastAddress(block);

export const overlaps = (a: Cidr, b: Cidr): boolean => a.base <= lastAddress(b) && b.base <= lastAddress(a);
