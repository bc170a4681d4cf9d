import { RCODE, TYPE, type Answer, type Query } from './dns-message.ts';
import type { ResolverState, ZoneName } from './resolver-protocol.ts';

const REVERSE = '.in-addr.arpa';

export interface LocalAnswer {
  readonly rcode: number;
  readonly answers: readonly Answer[];
}

const addressesIn = (names: readonly ZoneName[], name: string): readonly string[] =>
  names.filter((entry) => entry.names.includes(name)).map((entry) => entry.address);

/** Each answer begins elsewhere, so that clients that take the first share the load. */
const rotated = (addresses: readonly string[]): readonly string[] => {
  const start = Math.floor(Math.random() * addresses.length);
  return [...addresses.slice(start), ...addresses.slice(0, start)];
};

const findAddresses = (
  state: ResolverState,
  networks: readonly string[],
  name: string,
): readonly string[] => {
  for (const zone of state.zones.filter((candidate) => networks.includes(candidate.id))) {
    const suffix = `.${zone.name.toLowerCase()}`;
    const found = addressesIn(zone.names, name);
    if (found.length > 0) return rotated(found);
    const qualified = name.endsWith(suffix) ? addressesIn(zone.names, name.slice(0, -suffix.length)) : [];
    if (qualified.length > 0) return rotated(qualified);
  }
  return [];
};

const findName = (state: ResolverState, networks: readonly string[], name: string): string | undefined => {
  const address = name.slice(0, -REVERSE.length).split('.').toReversed().join('.');
  for (const zone of state.zones.filter((candidate) => networks.includes(candidate.id))) {
    const found = zone.names.find((entry) => entry.address === address)?.names[0];
    if (found !== undefined) return `${found}.${zone.name}`;
  }
  return undefined;
};

/** What we know ourselves for a container on `networks`; undefined when somebody else has to be asked. */
export const answerLocally = (
  state: ResolverState,
  networks: readonly string[],
  query: Query,
): LocalAnswer | undefined => {
  if (query.type === TYPE.PTR && query.name.endsWith(REVERSE)) {
    const name = findName(state, networks, query.name);
    return name === undefined ? undefined : { rcode: RCODE.OK, answers: [{ kind: 'name', name }] };
  }
  if (query.type !== TYPE.A && query.type !== TYPE.AAAA) return undefined;
  const addresses = findAddresses(state, networks, query.name);
  if (addresses.length === 0) return undefined;
  // The name exists, with no IPv6 address: asking others would say that it does not exist.
  const answers =
    query.type === TYPE.AAAA ? [] : addresses.map((address) => ({ kind: 'address', address }) as const);
  return { rcode: RCODE.OK, answers };
};
