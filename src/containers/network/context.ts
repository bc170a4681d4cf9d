import type { Database } from '#database';
import type { Firewall } from './firewall.ts';
import { networkErrors } from './errors.ts';
import type { Namespaces } from './namespaces.ts';
import type { Publication } from './publish.ts';
import type { EndpointRecord, NetworkRecord } from './records.ts';
import type { Resolver } from './resolver-client.ts';
import type { Ruleset } from './ruleset.ts';
import type { AddressPool, Endpoint, Network, NetworkEvent } from './types.ts';

/** What the operations of this room share. The maps are the truth while the daemon lives; the database follows them. */
export interface Context {
  readonly rootPath: string;
  /** Tells the daemons of one machine apart. */
  readonly tag: string;
  readonly database: Database;
  readonly pools: readonly AddressPool[];
  readonly resolvConfPath: string;
  readonly namespaces: Namespaces;
  readonly firewall: Firewall;
  readonly resolver: Resolver;
  /** By ID, oldest first. */
  readonly networks: Map<string, NetworkRecord>;
  /** By ID, in the order they were attached. */
  readonly endpoints: Map<string, EndpointRecord>;
  /** What holds the ports of an endpoint, by its ID. */
  readonly publications: Map<string, Publication>;
  /** Networks whose bridge and rules this process has seen in place. */
  readonly live: Set<string>;
  /** Bridges being made, by network. */
  readonly making: Map<string, Promise<unknown>>;
  readonly emit: (event: NetworkEvent) => void;
}

export const endpointsOf = (context: Context, networkId: string): readonly EndpointRecord[] =>
  [...context.endpoints.values()].filter((endpoint) => endpoint.networkId === networkId);

export const endpointsOfContainer = (context: Context, containerId: string): readonly EndpointRecord[] =>
  [...context.endpoints.values()].filter((endpoint) => endpoint.containerId === containerId);

export const endpointView = (record: EndpointRecord): Endpoint => {
  const { hostDevice: _, netnsPath: __, hostname: ___, dns: ____, requested: _____, ...endpoint } = record;
  return endpoint;
};

export const networkView = (context: Context, record: NetworkRecord): Network => {
  const { chosen: _, ...network } = record;
  return { ...network, endpoints: endpointsOf(context, record.id).map(endpointView) };
};

/** By name, ID or unique prefix of an ID. Errors: `not-found`, `invalid-argument`. */
export const findNetwork = (context: Context, nameOrId: string): NetworkRecord => {
  const all = [...context.networks.values()];
  const exact = context.networks.get(nameOrId) ?? all.find((network) => network.name === nameOrId);
  if (exact !== undefined) return exact;
  const [found, ...more] = nameOrId === '' ? [] : all.filter((network) => network.id.startsWith(nameOrId));
  if (found === undefined) throw networkErrors.networkNotFound({ name: nameOrId });
  if (more.length > 0) throw networkErrors.networkAmbiguous({ name: nameOrId });
  return found;
};

const MASQUERADE = 'com.docker.network.bridge.enable_ip_masquerade';

/** What the packet filter should hold now: every bridge in use and every published IPv4 port. */
export const wantedRules = (context: Context): Omit<Ruleset, 'table'> => {
  const used = [...context.networks.values()].filter(
    (network) => context.live.has(network.id) || endpointsOf(context, network.id).length > 0,
  );
  const bridges = used.flatMap(({ device, ipam, internal, options }) =>
    device === undefined || ipam === undefined
      ? []
      : [{ device, subnet: ipam.subnet, internal, masquerade: options[MASQUERADE] !== 'false' }],
  );
  const ports = [...context.endpoints.values()].flatMap((endpoint) =>
    endpoint.ports
      .filter((port) => !port.hostIp.includes(':'))
      .map((port) => ({
        protocol: port.protocol,
        hostIp: port.hostIp === '0.0.0.0' ? undefined : port.hostIp,
        hostPort: port.hostPort,
        ip: endpoint.ip,
        containerPort: port.containerPort,
      })),
  );
  return { bridges, ports };
};
