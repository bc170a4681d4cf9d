import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** Says who really asks, behind proxies that are trusted to say so. */
export interface ProxyTrust {
  trusts(peer: string | undefined): boolean;
  /** Address of the client: the peer's, or the nearest one in X-Forwarded-For that is no trusted proxy. */
  clientAddress(request: IncomingMessage): string | undefined;
}

const V4_IN_V6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const CACHED_PEERS = 1000;

const bare = (text: string): string => {
  const trimmed = text.trim();
  const withoutPort =
    /^\[([^\]]+)\](?::\d+)?$/.exec(trimmed)?.[1] ?? /^([\d.]+):\d+$/.exec(trimmed)?.[1] ?? trimmed;
  return V4_IN_V6.exec(withoutPort)?.[1] ?? withoutPort;
};

const addTo = (list: BlockList, range: string): void => {
  const [address = '', bits] = range.split('/');
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  if (bits === undefined) list.addAddress(address, family);
  else list.addSubnet(address, Number(bits), family);
};

/** Whether the text is an address or a network such as `10.0.0.0/8`. */
export const isNetwork = (text: string): boolean => {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
};

/** Trusts proxies in these networks. */
export const createProxyTrust = (networks: readonly string[]): ProxyTrust => {
  const list = new BlockList();
  for (const network of networks) addTo(list, network);
  const answers = new Map<string, boolean>();
  const trusts = (peer: string | undefined): boolean => {
    if (peer === undefined || networks.length === 0) return false;
    const remembered = answers.get(peer);
    if (remembered !== undefined) return remembered;
    const address = bare(peer);
    const family = isIP(address);
    const answer = family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
    if (answers.size >= CACHED_PEERS) answers.clear();
    answers.set(peer, answer);
    return answer;
  };
  return {
    trusts,
    clientAddress: ({ socket, headers }) => {
      const peer = socket.remoteAddress === undefined ? undefined : bare(socket.remoteAddress);
      const forwarded = headers['x-forwarded-for'];
      if (forwarded === undefined || !trusts(peer)) return peer;
      let client = peer;
      for (const hop of String(forwarded).split(',').map(bare).toReversed()) {
        if (isIP(hop) === 0) break;
        client = hop;
        if (!trusts(hop)) break;
      }
      return client;
    },
  };
};
