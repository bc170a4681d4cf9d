import { errnoOf, openRtnetlink, type Link, type Rtnetlink } from '#sys';
import { isOwnName, macOf } from './device-names.ts';
import type { AddressPlan } from './ipam.ts';
import { formatIpv4, lastAddress } from './ipv4.ts';
import { outwardMtu } from './host-routes.ts';
import { setSysctl } from './sysctl.ts';

export interface BridgeRequest {
  readonly device: string;
  /** Says whose the device is. */
  readonly alias: string;
  readonly plan: AddressPlan;
  readonly mtu: number | undefined;
}

/** Our own bridge of that name when the kernel has it. */
export const findBridge = (device: string, alias: string): Link | undefined => {
  using rtnetlink = openRtnetlink();
  const link = rtnetlink.linkByName(device);
  return link?.kind === 'bridge' && link.alias === alias ? link : undefined;
};

/** Whether the kernel has a device of that name which is not ours. */
export const isTaken = (device: string, alias: string): boolean => {
  using rtnetlink = openRtnetlink();
  const link = rtnetlink.linkByName(device);
  if (link === undefined || link.alias === alias) return false;
  // A name only we use, and no mark yet: a daemon was killed between the two.
  return !(link.alias === undefined && isOwnName(device));
};

const addAddress = (rtnetlink: Rtnetlink, index: number, plan: AddressPlan): void => {
  try {
    rtnetlink.addrAdd({
      index,
      address: formatIpv4(plan.gateway),
      prefix: plan.subnet.prefix,
      broadcast: formatIpv4(lastAddress(plan.subnet)),
    });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
};

/** Makes the bridge, or completes one that a killed daemon left half made. Idempotent; about a millisecond. */
export const makeBridge = (request: BridgeRequest): Link => {
  const { device, alias, plan } = request;
  using rtnetlink = openRtnetlink();
  let link = rtnetlink.linkByName(device);
  if (link === undefined) {
    const mtu = request.mtu ?? outwardMtu(rtnetlink);
    rtnetlink.linkAdd({ kind: 'bridge', name: device, mac: macOf(plan.gateway), mtu });
    link = rtnetlink.linkByName(device);
  }
  if (link === undefined) throw new Error(`${device} vanished`);
  rtnetlink.linkSet(link.index, { alias });
  setSysctl(`net.ipv6.conf.${device}.disable_ipv6`, '1');
  addAddress(rtnetlink, link.index, plan);
  rtnetlink.linkSet(link.index, { up: true });
  // Lets packets from this machine's loopback out to a published container; the rules guard the other direction.
  setSysctl(`net.ipv4.conf.${device}.route_localnet`, '1');
  return { ...link, alias, up: true };
};
