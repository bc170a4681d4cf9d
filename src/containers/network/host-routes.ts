import type { Rtnetlink } from '#sys';
import { blockOf, parseIpv4, type Cidr } from './ipv4.ts';

const block = (address: string, prefix: number): Cidr | undefined => {
  const parsed = parseIpv4(address);
  return parsed === undefined || prefix === 0 ? undefined : blockOf(parsed, prefix);
};

/**
 * The ranges this machine uses or reaches by a route of their own, without those of the device `except`; name servers
 * too, which may lie behind the default route.
 */
export const usedBlocks = (
  rtnetlink: Rtnetlink,
  nameservers: readonly string[],
  except?: number,
): readonly Cidr[] => {
  const addresses = rtnetlink.addrList().filter((address) => address.index !== except);
  const routes = rtnetlink.routeList().filter((route) => route.index === undefined || route.index !== except);
  return [
    ...addresses.map(({ address, prefix }) => block(address, prefix)),
    ...routes.map((route) =>
      route.destination === undefined
        ? undefined
        : block(route.destination.address, route.destination.prefix),
    ),
    ...nameservers.map((address) => block(address, 32)),
  ].filter((found) => found !== undefined);
};

/** Most bytes of a packet on the way out: that of the default route's device, and never above Ethernet's. */
export const outwardMtu = (rtnetlink: Rtnetlink): number => {
  const way = rtnetlink.routeList().find((route) => route.destination === undefined);
  const device = rtnetlink.linkList().find((link) => link.index === way?.index);
  return Math.min(device?.mtu ?? 1500, 1500);
};
