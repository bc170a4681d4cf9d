import { endpointsOf, type Context } from './context.ts';
import type { EndpointRecord, NetworkRecord } from './records.ts';
import { needsResolver } from './resolv-conf.ts';
import type { ResolverState, Sandbox, Zone } from './resolver-protocol.ts';

const SHORT_ID = 12;

/** Whether names of containers are answered on this network. */
const isNamed = (network: NetworkRecord): boolean => network.driver === 'bridge' && !network.predefined;

const namesOf = (endpoint: EndpointRecord): readonly string[] => {
  const { containerName, containerId, aliases, hostname } = endpoint;
  const names = [containerName, ...aliases, containerId.slice(0, SHORT_ID), hostname ?? ''];
  return [...new Set(names.filter((name) => name !== '').map((name) => name.toLowerCase()))];
};

const zoneOf = (context: Context, network: NetworkRecord): Zone => ({
  id: network.id,
  name: network.name,
  names: endpointsOf(context, network.id).map((endpoint) => ({
    address: endpoint.ip,
    names: namesOf(endpoint),
  })),
});

const sandboxOf = (endpoints: readonly EndpointRecord[], zones: readonly Zone[]): Sandbox | undefined => {
  const [first] = endpoints;
  if (first === undefined) return undefined;
  const joined = new Set(endpoints.map((endpoint) => endpoint.networkId));
  return {
    id: first.containerId,
    netnsPath: first.netnsPath,
    networks: zones.map((zone) => zone.id).filter((id) => joined.has(id)),
    servers: endpoints.flatMap((endpoint) => endpoint.dns),
    forward: endpoints.some((endpoint) => endpoint.gateway !== ''),
  };
};

/** What the process that answers names has to know now. */
export const resolverState = (context: Context): ResolverState => {
  const zones = [...context.networks.values()].filter(isNamed).map((network) => zoneOf(context, network));
  const everyone = needsResolver(context.resolvConfPath);
  const cabled = [...context.endpoints.values()].filter((endpoint) => endpoint.ip !== '');
  const byContainer = Map.groupBy(cabled, (endpoint) => endpoint.containerId);
  const sandboxes = [...byContainer.values()]
    .map((endpoints) => sandboxOf(endpoints, zones))
    .filter((sandbox) => sandbox !== undefined)
    .filter((sandbox) => everyone || sandbox.networks.length > 0);
  return {
    resolvConfPath: context.resolvConfPath,
    sandboxes,
    zones: zones.filter((zone) => zone.names.length > 0),
  };
};
