import { deleteLink, openRtnetlink, type Link } from '#sys';
import { chooseBlock } from './address-pools.ts';
import { findBridge, isTaken, makeBridge } from './bridge.ts';
import type { Context } from './context.ts';
import { endpointsOf } from './context.ts';
import { bridgeAlias, bridgeDevice, DEFAULT_DEVICE, fallbackDevice } from './device-names.ts';
import { networkErrors } from './errors.ts';
import { usedBlocks } from './host-routes.ts';
import { formatCidr, overlaps, parseCidr, type Cidr } from './ipv4.ts';
import { ipamOf, parseSubnet, planAddresses, planOf } from './ipam.ts';
import { withMachineLock } from './machine-lock.ts';
import { saveNetwork, type NetworkRecord } from './records.ts';
import { readNameservers } from './resolv-conf.ts';
import { setSysctl } from './sysctl.ts';
import type { IpamConfig } from './types.ts';

const MTU = 'com.docker.network.driver.mtu';
const DEVICE = 'com.docker.network.bridge.name';

/** The ranges of our other networks. */
const ownBlocks = (context: Context, except: string | undefined): readonly { name: string; block: Cidr }[] =>
  [...context.networks.values()].flatMap((network) => {
    const block = network.id === except ? undefined : parseCidr(network.ipam?.subnet ?? '');
    return block === undefined ? [] : [{ name: network.name, block }];
  });

/** The IPAM settings of a network: as asked for, or a range that nothing on this machine uses. */
export const chooseRange = (context: Context, wanted: Partial<IpamConfig>, self?: string): IpamConfig => {
  const own = ownBlocks(context, self);
  if (wanted.subnet !== undefined && wanted.subnet !== '') {
    const subnet = parseSubnet(wanted.subnet);
    const other = own.find(({ block }) => overlaps(block, subnet));
    if (other !== undefined)
      throw networkErrors.subnetOverlaps({
        subnet: formatCidr(subnet),
        other: `${formatCidr(other.block)} of ${other.name}`,
      });
    return ipamOf(planAddresses(subnet, wanted));
  }
  using rtnetlink = openRtnetlink();
  const used = usedBlocks(rtnetlink, readNameservers(context.resolvConfPath));
  const subnet = chooseBlock(context.pools, [...used, ...own.map(({ block }) => block)]);
  return ipamOf(planAddresses(subnet, wanted));
};

const existing = (context: Context, id: string): Link | undefined => {
  const record = context.networks.get(id);
  if (record?.device === undefined || record.ipam === undefined) return undefined;
  return findBridge(record.device, bridgeAlias(context.rootPath, id));
};

/** The range may have been taken by something else since it was chosen, as long as nobody here uses it. */
const currentRange = (context: Context, record: NetworkRecord): IpamConfig => {
  const { ipam } = record;
  if (ipam === undefined) return chooseRange(context, {}, record.id);
  if (!record.chosen || endpointsOf(context, record.id).length > 0) return ipam;
  using rtnetlink = openRtnetlink();
  const { subnet } = planOf(ipam);
  const self = existing(context, record.id)?.index;
  const used = usedBlocks(rtnetlink, readNameservers(context.resolvConfPath), self);
  return used.some((block) => overlaps(block, subnet)) ? chooseRange(context, {}, record.id) : ipam;
};

/** The names a network's bridge may have, best first. */
const deviceNames = (context: Context, record: NetworkRecord): readonly string[] => {
  const asked = record.options[DEVICE];
  if (asked !== undefined && !record.predefined) return [asked];
  const own = record.predefined
    ? [DEFAULT_DEVICE, fallbackDevice(context.rootPath)]
    : [bridgeDevice(record.id)];
  return record.device === undefined ? own : [record.device, ...own];
};

const freeDeviceName = (context: Context, record: NetworkRecord): string => {
  const alias = bridgeAlias(context.rootPath, record.id);
  const names = deviceNames(context, record);
  const free = names.find((name) => !isTaken(name, alias));
  if (free === undefined) throw networkErrors.deviceTaken({ device: names.join(', ') });
  return free;
};

/** Settles device and range of a network and makes its bridge, or completes it. */
const build = async (context: Context, id: string): Promise<Link> => {
  const record = context.networks.get(id);
  if (record === undefined) throw networkErrors.networkNotFound({ name: id });
  const settled: NetworkRecord = {
    ...record,
    device: freeDeviceName(context, record),
    ipam: currentRange(context, record),
  };
  context.networks.set(id, settled);
  const mtu = Number(settled.options[MTU] ?? Number.NaN);
  const link = makeBridge({
    device: settled.device ?? '',
    alias: bridgeAlias(context.rootPath, id),
    plan: planOf(settled.ipam ?? { subnet: '', gateway: '' }),
    mtu: Number.isNaN(mtu) ? undefined : mtu,
  });
  if (settled.device !== record.device || settled.ipam?.subnet !== record.ipam?.subnet)
    await context.database.write([saveNetwork(settled)]);
  return link;
};

const allowForwarding = (context: Context): void => {
  if (!setSysctl('net.ipv4.ip_forward', '1')) return;
  const message = 'net.ipv4.ip_forward was 0 and has been set to 1, so that containers reach other machines';
  context.emit({ kind: 'notice', message });
};

const make = async (context: Context, id: string): Promise<Link> => {
  const link = await withMachineLock(() => build(context, id));
  allowForwarding(context);
  context.live.add(id);
  await Promise.all([context.firewall.apply(), context.firewall.passForward()]);
  return link;
};

/**
 * The bridge of a network, made with its rules when it is not there. Instant when it is; about 30 ms when it is made.
 */
export const ensureBridge = async (context: Context, id: string): Promise<Link> => {
  await context.making.get(id)?.catch(() => undefined);
  const found = context.live.has(id) ? existing(context, id) : undefined;
  if (found !== undefined) return found;
  const other = context.making.get(id) as Promise<Link> | undefined;
  if (other !== undefined) return await other;
  const made = make(context, id).finally(() => context.making.delete(id));
  context.making.set(id, made);
  return await made;
};

/** Removes the device of a network nobody is on; tells whether there was something to remove. */
export const dropBridge = async (context: Context, record: NetworkRecord): Promise<boolean> => {
  const wasLive = context.live.delete(record.id);
  if (record.device === undefined) return wasLive;
  const link = findBridge(record.device, bridgeAlias(context.rootPath, record.id));
  if (link !== undefined) await deleteLink(link.index);
  return wasLive || link !== undefined;
};
