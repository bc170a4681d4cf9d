import { networkErrors } from './errors.ts';
import {
  blockSize,
  contains,
  formatCidr,
  formatIpv4,
  lastAddress,
  parseCidr,
  parseIpv4,
  type Cidr,
  type Ipv4,
} from './ipv4.ts';
import type { IpamConfig } from './types.ts';

/** The addresses of a network, parsed. */
export interface AddressPlan {
  readonly subnet: Cidr;
  readonly gateway: Ipv4;
  /** Where containers get their addresses from: the subnet or a part of it. */
  readonly range: Cidr;
  /** Taken by something else, by name. */
  readonly auxiliary: Readonly<Record<string, Ipv4>>;
}

const SMALLEST_PREFIX = 30;

const refuse = (field: string, value: string, reason: string): Error =>
  networkErrors.ipamInvalid({ field, value, reason });

const addressIn = (subnet: Cidr, field: string, value: string): Ipv4 => {
  const address = parseIpv4(value.split('/')[0] ?? '');
  if (address === undefined) throw refuse(field, value, 'it is no IPv4 address');
  if (!contains(subnet, address)) throw refuse(field, value, `it is not in ${formatCidr(subnet)}`);
  return address;
};

const rangeIn = (subnet: Cidr, value: string): Cidr => {
  const range = parseCidr(value);
  if (range === undefined) throw refuse('IP range', value, 'it is no block such as 10.1.2.0/24');
  if (range.prefix < subnet.prefix || !contains(subnet, range.base))
    throw refuse('IP range', value, `it is not in ${formatCidr(subnet)}`);
  return range;
};

/** The subnet somebody asked for. Errors: `invalid-argument`, `unsupported` for IPv6. */
export const parseSubnet = (value: string): Cidr => {
  if (value.includes(':')) throw networkErrors.ipv6Unsupported({ what: `subnet ${value}` });
  const subnet = parseCidr(value);
  if (subnet === undefined) throw refuse('subnet', value, 'it is no block such as 10.1.0.0/16');
  if (subnet.prefix > SMALLEST_PREFIX)
    throw refuse('subnet', value, 'it has no room for a gateway and a container');
  return subnet;
};

/** Completes what was asked for inside `subnet`; the gateway is its first address unless given. */
export const planAddresses = (subnet: Cidr, wanted: Partial<IpamConfig> = {}): AddressPlan => {
  const auxiliary = Object.entries(wanted.auxiliaryAddresses ?? {}).map(
    ([name, value]) => [name, addressIn(subnet, `auxiliary address ${name}`, value)] as const,
  );
  const { gateway = '', ipRange = '' } = wanted;
  return {
    subnet,
    gateway: gateway === '' ? subnet.base + 1 : addressIn(subnet, 'gateway', gateway),
    range: ipRange === '' ? subnet : rangeIn(subnet, ipRange),
    auxiliary: Object.fromEntries(auxiliary),
  };
};

/** The plan of a recorded network. */
export const planOf = (ipam: IpamConfig): AddressPlan => planAddresses(parseSubnet(ipam.subnet), ipam);

export const ipamOf = (plan: AddressPlan): IpamConfig => {
  const auxiliary = Object.entries(plan.auxiliary).map(
    ([name, address]) => [name, formatIpv4(address)] as const,
  );
  return {
    subnet: formatCidr(plan.subnet),
    gateway: formatIpv4(plan.gateway),
    ...(plan.range === plan.subnet ? {} : { ipRange: formatCidr(plan.range) }),
    ...(auxiliary.length === 0 ? {} : { auxiliaryAddresses: Object.fromEntries(auxiliary) }),
  };
};

const isReserved = (plan: AddressPlan, address: Ipv4): boolean =>
  address === plan.gateway ||
  address === plan.subnet.base ||
  address === lastAddress(plan.subnet) ||
  Object.values(plan.auxiliary).includes(address);

export interface AddressRequest {
  readonly network: string;
  readonly plan: AddressPlan;
  readonly taken: ReadonlySet<Ipv4>;
  /** A wanted address; the lowest free one of the range when absent. */
  readonly wanted?: string | undefined;
}

/** Errors: `conflict` when the wanted address is taken, `unavailable` when none is free. */
export const allocateAddress = (request: AddressRequest): Ipv4 => {
  const { network, plan, taken, wanted = '' } = request;
  if (wanted !== '') {
    const address = addressIn(plan.subnet, 'address', wanted);
    if (taken.has(address) || isReserved(plan, address))
      throw networkErrors.addressTaken({ address: wanted, network });
    return address;
  }
  const { base, prefix } = plan.range;
  for (let address = base; address < base + blockSize(prefix); address += 1)
    if (!taken.has(address) && !isReserved(plan, address)) return address;
  throw networkErrors.addressesExhausted({ network, range: formatCidr(plan.range) });
};
