import { createHash, randomBytes } from 'node:crypto';
import { formatIpv4, type Ipv4 } from './ipv4.ts';

/** A new identity of a network or an endpoint: 64 hexadecimal digits. */
export const newId = (): string => randomBytes(32).toString('hex');

/** Eight digits that tell the daemons of one machine apart. */
export const rootTag = (rootPath: string): string =>
  createHash('sha256').update(rootPath).digest('hex').slice(0, 8);

/** The device of the network `bridge` when no other daemon on this machine has it. */
export const DEFAULT_DEVICE = 'lade0';

/** The device of the network `bridge` of a second daemon. */
export const fallbackDevice = (rootPath: string): string => `lade-${rootTag(rootPath)}`;

/** The bridge of a user-defined network; at most 15 bytes as every device name. */
export const bridgeDevice = (networkId: string): string => `ld-${networkId.slice(0, 12)}`;

/** Whether a device name is made from an identity, so that nobody else can mean it. */
export const isOwnName = (device: string): boolean => /^(ld-[0-9a-f]{12}|lade-[0-9a-f]{8})$/.test(device);

/** This machine's end of a container's cable. */
export const hostDevice = (endpointId: string): string => `lv${endpointId.slice(0, 12)}`;

/** What `ip link` shows as the alias of a bridge: whose it is. */
export const bridgeAlias = (rootPath: string, networkId: string): string =>
  `lade ${rootTag(rootPath)} ${networkId.slice(0, 12)}`;

/** The MAC address that belongs to an IP address, so that a reused address never meets a stale neighbour entry. */
export const macOf = (address: Ipv4): string =>
  [
    '02',
    '42',
    ...formatIpv4(address)
      .split('.')
      .map((octet) => Number(octet).toString(16).padStart(2, '0')),
  ].join(':');

/** The first of eth0, eth1 … that is not in use. */
export const freeDevice = (used: readonly string[]): string => {
  for (let index = 0; ; index += 1) if (!used.includes(`eth${index}`)) return `eth${index}`;
};
