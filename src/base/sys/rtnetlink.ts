import { errnoOf } from './errors.ts';
import {
  decodeAddress,
  decodeRoute,
  encodeAddress,
  encodeAddressQuery,
  encodeRoute,
  encodeRouteQuery,
  type InterfaceAddress,
  type Route,
} from './rtnetlink-address.ts';
import {
  decodeLink,
  encodeHairpin,
  encodeLinkChange,
  encodeLinkIndex,
  encodeLinkName,
  encodeNewLink,
  type Link,
  type LinkChange,
  type NewLink,
} from './rtnetlink-link.ts';
import { NLM_F } from './rtnetlink-message.ts';
import { openRtnetlinkSocket, type RtnetlinkSocket } from './rtnetlink-socket.ts';

const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
} as const;
const CREATE = NLM_F.CREATE | NLM_F.EXCL;

/**
 * The kernel's interfaces, IPv4 addresses and routes in one network namespace. Synchronous; well below a millisecond a
 * call unless said. Errors carry the kernel's own words; `errnoOf` tells the number's name.
 */
export interface Rtnetlink extends Disposable {
  /** Errors: `already-exists` for the name. */
  linkAdd(link: NewLink): void;
  linkSet(index: number, change: LinkChange): void;
  /** Lets a bridge port send frames back where they came from. */
  linkSetHairpin(index: number): void;
  linkList(): readonly Link[];
  linkByName(name: string): Link | undefined;
  addrAdd(address: InterfaceAddress): void;
  addrList(): readonly InterfaceAddress[];
  routeAdd(route: Route): void;
  routeDel(route: Route): void;
  /** Of the main table. */
  routeList(): readonly Route[];
}

const links = (socket: RtnetlinkSocket): readonly Link[] => {
  const request = { call: 'link list', target: 'all', type: RTM.GETLINK, payload: encodeLinkIndex(0) };
  return socket.dump(request).map(decodeLink);
};

const linkByName = (socket: RtnetlinkSocket, name: string): Link | undefined => {
  const request = { call: 'link get', target: name, type: RTM.GETLINK, payload: encodeLinkName(name) };
  try {
    return decodeLink(socket.get(request));
  } catch (error) {
    if (errnoOf(error) === 'ENODEV') return undefined;
    throw error;
  }
};

const addresses = (socket: RtnetlinkSocket): Pick<Rtnetlink, 'addrAdd' | 'addrList'> => ({
  addrAdd(given) {
    const target = `${given.address}/${given.prefix}`;
    const payload = encodeAddress(given);
    socket.change({ call: 'address add', target, type: RTM.NEWADDR, flags: CREATE, payload });
  },
  addrList: () =>
    socket
      .dump({ call: 'address list', target: 'all', type: RTM.GETADDR, payload: encodeAddressQuery() })
      .map(decodeAddress),
});

const routeTarget = (route: Route): string => {
  const to =
    route.destination === undefined ? 'default' : `${route.destination.address}/${route.destination.prefix}`;
  return route.gateway === undefined ? to : `${to} via ${route.gateway}`;
};

const routes = (socket: RtnetlinkSocket): Pick<Rtnetlink, 'routeAdd' | 'routeDel' | 'routeList'> => ({
  routeAdd(route) {
    const payload = encodeRoute(route);
    const target = routeTarget(route);
    socket.change({ call: 'route add', target, type: RTM.NEWROUTE, flags: CREATE, payload });
  },
  routeDel(route) {
    const payload = encodeRoute(route);
    socket.change({ call: 'route delete', target: routeTarget(route), type: RTM.DELROUTE, payload });
  },
  routeList: () =>
    socket
      .dump({ call: 'route list', target: 'all', type: RTM.GETROUTE, payload: encodeRouteQuery() })
      .map(decodeRoute)
      .filter((route) => route !== undefined),
});

/**
 * Deletes an interface of the namespace this thread is in now. The kernel takes 10–60 ms until it has let go of every
 * packet; the wait is on another thread. A dropped namespace takes its links along for nothing. Idempotent.
 */
export const deleteLink = async (index: number): Promise<void> => {
  using socket = openRtnetlinkSocket();
  const payload = encodeLinkIndex(index);
  try {
    await socket.changeAsync({
      call: 'link delete',
      target: `link ${index}`,
      type: RTM.DELLINK,
      payload,
    });
  } catch (error) {
    if (errnoOf(error) !== 'ENODEV') throw error;
  }
};

/** Opens the routing of the namespace this thread is in now; it keeps working on that namespace after leaving it. */
export const openRtnetlink = (): Rtnetlink => {
  const socket = openRtnetlinkSocket();
  return {
    linkAdd(link) {
      const payload = encodeNewLink(link);
      const target = link.kind === 'veth' ? `${link.name} with peer ${link.peer.name}` : link.name;
      socket.change({ call: 'link add', target, type: RTM.NEWLINK, flags: CREATE, payload });
    },
    linkSet(index, change) {
      const payload = encodeLinkChange(index, change);
      socket.change({ call: 'link set', target: `link ${index}`, type: RTM.NEWLINK, payload });
    },
    linkSetHairpin(index) {
      const payload = encodeHairpin(index);
      socket.change({ call: 'link set hairpin', target: `link ${index}`, type: RTM.SETLINK, payload });
    },
    linkList: () => links(socket),
    linkByName: (name) => linkByName(socket, name),
    ...addresses(socket),
    ...routes(socket),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
};
