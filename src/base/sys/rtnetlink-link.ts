import {
  attribute,
  decodeAttributes,
  find,
  formatMac,
  formatText,
  mac,
  nested,
  text,
  u32,
  type Message,
} from './rtnetlink-message.ts';

/** struct ifinfomsg: family, pad, type, index, flags, change mask. */
const IFINFO_BYTES = 16;
const IFF_UP = 1;
const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  MASTER: 10,
  PROTINFO: 12,
  LINKINFO: 18,
  IFALIAS: 20,
  NET_NS_FD: 28,
} as const;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFLA_BR_FORWARD_DELAY = 1;
const IFLA_BRPORT_MODE = 4;
const AF_BRIDGE = 7;

/** A network interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** Such as `bridge` or `veth`; undefined for hardware and loopback. */
  readonly kind: string | undefined;
  readonly up: boolean;
  readonly mac: string;
  readonly mtu: number;
  /** Index of the bridge it is a port of. */
  readonly master: number | undefined;
  /** Free text (`ip link set … alias`). */
  readonly alias: string | undefined;
}

export interface NewBridge {
  readonly kind: 'bridge';
  readonly name: string;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
}

export interface NewVeth {
  readonly kind: 'veth';
  readonly name: string;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  /** Index of a bridge. */
  readonly master?: number | undefined;
  /** The other end, made directly in the namespace open at `netnsFd`; both ends start down. */
  readonly peer: {
    readonly name: string;
    readonly netnsFd: number;
    readonly mac?: string | undefined;
  };
}

export type NewLink = NewBridge | NewVeth;

export interface LinkChange {
  readonly up?: boolean | undefined;
  readonly name?: string | undefined;
  /** Index of a bridge; 0 takes it off its bridge. */
  readonly master?: number | undefined;
  readonly mtu?: number | undefined;
  readonly mac?: string | undefined;
  readonly alias?: string | undefined;
}

const ifinfo = (index: number, flags = 0, change = 0): Buffer => {
  const header = Buffer.alloc(IFINFO_BYTES);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(change, 12);
  return header;
};

const given = <T>(value: T | undefined, encode: (value: T) => Buffer): readonly Buffer[] =>
  value === undefined ? [] : [encode(value)];

const commonAttributes = (link: LinkChange): readonly Buffer[] => [
  ...given(link.name, (name) => attribute(IFLA.IFNAME, text(name))),
  ...given(link.mac, (address) => attribute(IFLA.ADDRESS, mac(address))),
  ...given(link.mtu, (mtu) => attribute(IFLA.MTU, u32(mtu))),
  ...given(link.master, (master) => attribute(IFLA.MASTER, u32(master))),
  ...given(link.alias, (alias) => attribute(IFLA.IFALIAS, Buffer.from(alias))),
];

const kindData = (link: NewLink): Buffer => {
  // Ports forward from the first moment: without a loop there is nothing to listen for.
  if (link.kind === 'bridge') return attribute(IFLA_BR_FORWARD_DELAY, u32(0));
  const { peer } = link;
  return nested(
    VETH_INFO_PEER,
    ifinfo(0),
    ...commonAttributes({ name: peer.name, mac: peer.mac, mtu: link.mtu }),
    attribute(IFLA.NET_NS_FD, u32(peer.netnsFd)),
  );
};

export const encodeNewLink = (link: NewLink): Buffer =>
  Buffer.concat([
    ifinfo(0),
    ...commonAttributes(link),
    nested(IFLA.LINKINFO, attribute(IFLA_INFO_KIND, text(link.kind)), nested(IFLA_INFO_DATA, kindData(link))),
  ]);

export const encodeLinkChange = (index: number, change: LinkChange): Buffer => {
  const flags = change.up === undefined ? 0 : IFF_UP;
  return Buffer.concat([ifinfo(index, change.up === true ? IFF_UP : 0, flags), ...commonAttributes(change)]);
};

/** A bridge port that may send a frame back out where it came from. */
export const encodeHairpin = (index: number): Buffer => {
  const header = ifinfo(index);
  header.writeUInt8(AF_BRIDGE, 0);
  return Buffer.concat([header, nested(IFLA.PROTINFO, attribute(IFLA_BRPORT_MODE, Buffer.from([1])))]);
};

/** A request about one interface by index, or about all with index 0. */
export const encodeLinkIndex = (index: number): Buffer => ifinfo(index);

/** A request about one interface by name. */
export const encodeLinkName = (name: string): Buffer =>
  Buffer.concat([ifinfo(0), attribute(IFLA.IFNAME, text(name))]);

/** Reads a message of type RTM_NEWLINK. */
export const decodeLink = (message: Message): Link => {
  const attributes = decodeAttributes(message.payload.subarray(IFINFO_BYTES));
  const info = find(attributes, IFLA.LINKINFO);
  const kind = info === undefined ? undefined : find(decodeAttributes(info), IFLA_INFO_KIND);
  const alias = find(attributes, IFLA.IFALIAS);
  return {
    index: message.payload.readInt32LE(4),
    name: formatText(find(attributes, IFLA.IFNAME) ?? Buffer.alloc(0)),
    kind: kind === undefined ? undefined : formatText(kind),
    up: (message.payload.readUInt32LE(8) & IFF_UP) !== 0,
    mac: formatMac(find(attributes, IFLA.ADDRESS) ?? Buffer.alloc(0)),
    mtu: find(attributes, IFLA.MTU)?.readUInt32LE(0) ?? 0,
    master: find(attributes, IFLA.MASTER)?.readUInt32LE(0),
    alias: alias === undefined ? undefined : formatText(alias),
  };
};
