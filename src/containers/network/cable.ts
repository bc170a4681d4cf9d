import { closeSync, openSync } from 'node:fs';
import { errnoOf, deleteLink, inNetns, openRtnetlink, type Link, type Rtnetlink } from '#sys';

export interface Cable {
  /** This machine's end. */
  readonly hostDevice: string;
  /** The container's end. */
  readonly device: string;
  readonly netnsPath: string;
  readonly bridge: Pick<Link, 'index' | 'mtu'>;
  readonly ip: string;
  readonly prefix: number;
  readonly mac: string;
  /** Where the default route goes; none when absent. */
  readonly gateway: string | undefined;
}

const layCable = (rtnetlink: Rtnetlink, cable: Cable): void => {
  const netnsFd = openSync(cable.netnsPath, 'r');
  try {
    rtnetlink.linkAdd({
      kind: 'veth',
      name: cable.hostDevice,
      master: cable.bridge.index,
      mtu: cable.bridge.mtu,
      peer: { name: cable.device, netnsFd, mac: cable.mac },
    });
  } finally {
    closeSync(netnsFd);
  }
};

const bringUpPort = (rtnetlink: Rtnetlink, name: string): void => {
  const index = rtnetlink.linkByName(name)?.index;
  if (index === undefined) throw new Error(`${name} vanished`);
  // With br_netfilter a container that calls its own published port is answered on the port it came from.
  rtnetlink.linkSetHairpin(index);
  rtnetlink.linkSet(index, { up: true });
};

/** The first default route wins, as for a container on several networks. */
const addDefaultRoute = (rtnetlink: Rtnetlink, index: number, gateway: string): void => {
  try {
    rtnetlink.routeAdd({ index, destination: undefined, gateway });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
};

const configureInside = (cable: Cable): void => {
  using rtnetlink = openRtnetlink();
  const index = rtnetlink.linkByName(cable.device)?.index;
  if (index === undefined) throw new Error(`${cable.device} vanished`);
  rtnetlink.addrAdd({ index, address: cable.ip, prefix: cable.prefix });
  rtnetlink.linkSet(index, { up: true });
  if (cable.gateway !== undefined) addDefaultRoute(rtnetlink, index, cable.gateway);
};

/** Connects a namespace with a bridge: interface, address, default route. Synchronous, about 1.3 ms; all or nothing. */
export const plug = (cable: Cable): void => {
  using rtnetlink = openRtnetlink();
  layCable(rtnetlink, cable);
  try {
    bringUpPort(rtnetlink, cable.hostDevice);
    inNetns(cable.netnsPath, () => configureInside(cable));
  } catch (error) {
    void unplug(cable.hostDevice).catch(() => undefined);
    throw error;
  }
};

/** Takes the cable away from a namespace that lives on; waits on another thread. Idempotent. */
export const unplug = async (name: string): Promise<void> => {
  using rtnetlink = openRtnetlink();
  const link = rtnetlink.linkByName(name);
  if (link !== undefined) await deleteLink(link.index);
};

/** Gives a namespace another way out after the cable that had it was taken away. */
export const replaceDefaultRoute = (netnsPath: string, device: string, gateway: string): void => {
  inNetns(netnsPath, () => {
    using rtnetlink = openRtnetlink();
    const index = rtnetlink.linkByName(device)?.index;
    if (index !== undefined) addDefaultRoute(rtnetlink, index, gateway);
  });
};
