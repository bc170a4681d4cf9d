import {
  attribute,
  decodeAttributes,
  find,
  formatIpv4,
  ipv4,
  u32,
  type Message,
} from './rtnetlink-message.ts';

const AF_INET = 2;
/** struct ifaddrmsg: family, prefix length, flags, scope, index. */
const IFADDR_BYTES = 8;
/** struct rtmsg: family, destination length, source length, tos, table, protocol, scope, type, flags. */
const RTMSG_BYTES = 12;
const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4 } as const;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, TABLE: 15 } as const;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE = { UNIVERSE: 0, LINK: 253 } as const;
const RTN_UNICAST = 1;

/** An IPv4 address of an interface. */
export interface InterfaceAddress {
  readonly index: number;
  readonly address: string;
  readonly prefix: number;
  readonly broadcast?: string | undefined;
}

/** An IPv4 route of the main table. */
export interface Route {
  /** Index of the interface; undefined for routes without one, such as `blackhole`. */
  readonly index: number | undefined;
  /** Undefined for the default route. */
  readonly destination: { readonly address: string; readonly prefix: number } | undefined;
  readonly gateway: string | undefined;
}

export const encodeAddress = (given: InterfaceAddress): Buffer => {
  const header = Buffer.alloc(IFADDR_BYTES);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(given.prefix, 1);
  header.writeUInt32LE(given.index, 4);
  const address = ipv4(given.address);
  const { broadcast } = given;
  return Buffer.concat([
    header,
    attribute(IFA.LOCAL, address),
    attribute(IFA.ADDRESS, address),
    ...(broadcast === undefined ? [] : [attribute(IFA.BROADCAST, ipv4(broadcast))]),
  ]);
};

/** The request that lists IPv4 addresses. */
export const encodeAddressQuery = (): Buffer => Buffer.from([AF_INET, 0, 0, 0, 0, 0, 0, 0]);

/** Reads a message of type RTM_NEWADDR. */
export const decodeAddress = (message: Message): InterfaceAddress => {
  const attributes = decodeAttributes(message.payload.subarray(IFADDR_BYTES));
  const address = find(attributes, IFA.LOCAL) ?? find(attributes, IFA.ADDRESS) ?? Buffer.alloc(4);
  return {
    index: message.payload.readUInt32LE(4),
    address: formatIpv4(address),
    prefix: message.payload.readUInt8(1),
  };
};

export const encodeRoute = (route: Route): Buffer => {
  const header = Buffer.alloc(RTMSG_BYTES);
  header.writeUInt8(AF_INET, 0);
  header.writeUInt8(route.destination?.prefix ?? 0, 1);
  header.writeUInt8(RT_TABLE_MAIN, 4);
  header.writeUInt8(RTPROT_BOOT, 5);
  header.writeUInt8(route.gateway === undefined ? RT_SCOPE.LINK : RT_SCOPE.UNIVERSE, 6);
  header.writeUInt8(RTN_UNICAST, 7);
  const { destination, gateway, index } = route;
  return Buffer.concat([
    header,
    ...(destination === undefined ? [] : [attribute(RTA.DST, ipv4(destination.address))]),
    ...(gateway === undefined ? [] : [attribute(RTA.GATEWAY, ipv4(gateway))]),
    ...(index === undefined ? [] : [attribute(RTA.OIF, u32(index))]),
  ]);
};

/** The request that lists IPv4 routes. */
export const encodeRouteQuery = (): Buffer => {
  const header = Buffer.alloc(RTMSG_BYTES);
  header.writeUInt8(AF_INET, 0);
  return header;
};

/** Reads a message of type RTM_NEWROUTE; undefined for routes outside the main table. */
export const decodeRoute = (message: Message): Route | undefined => {
  const attributes = decodeAttributes(message.payload.subarray(RTMSG_BYTES));
  const table = find(attributes, RTA.TABLE)?.readUInt32LE(0) ?? message.payload.readUInt8(4);
  if (table !== RT_TABLE_MAIN) return undefined;
  const prefix = message.payload.readUInt8(1);
  const destination = find(attributes, RTA.DST);
  const gateway = find(attributes, RTA.GATEWAY);
  return {
    index: find(attributes, RTA.OIF)?.readUInt32LE(0),
    destination: destination === undefined ? undefined : { address: formatIpv4(destination), prefix },
    gateway: gateway === undefined ? undefined : formatIpv4(gateway),
  };
};
