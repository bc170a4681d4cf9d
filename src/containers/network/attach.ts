import type { Link } from '#sys';
import { ensureBridge } from './bridges.ts';
import { plug, unplug } from './cable.ts';
import { endpointsOf, endpointsOfContainer, endpointView, findNetwork, type Context } from './context.ts';
import { networkView } from './context.ts';
import { freeDevice, hostDevice, macOf, newId } from './device-names.ts';
import { networkErrors } from './errors.ts';
import { allocateAddress, planOf } from './ipam.ts';
import { formatIpv4, parseIpv4, type Ipv4 } from './ipv4.ts';
import { publish } from './publish.ts';
import {
  deleteEndpoint,
  saveEndpoint,
  writeEndpoints,
  type EndpointRecord,
  type NetworkRecord,
} from './records.ts';
import type { AttachRequest, Endpoint } from './types.ts';

const HOST_BINDING = 'com.docker.network.bridge.host_binding_ipv4';

const takenAddresses = (context: Context, networkId: string): ReadonlySet<Ipv4> =>
  new Set(
    endpointsOf(context, networkId)
      .map((endpoint) => parseIpv4(endpoint.ip))
      .filter((address) => address !== undefined),
  );

const checkAttachable = (context: Context, network: NetworkRecord, request: AttachRequest): void => {
  const present = endpointsOfContainer(context, request.containerId);
  const container = request.containerName;
  if (present.some((endpoint) => endpoint.networkId === network.id))
    throw networkErrors.alreadyConnected({ container, network: network.name });
  const drivers = present.map((endpoint) => context.networks.get(endpoint.networkId)?.driver);
  if (present.length > 0 && (network.driver !== 'bridge' || drivers.some((driver) => driver !== 'bridge')))
    throw networkErrors.notConnectable({ network: network.name });
};

const bareEndpoint = (network: NetworkRecord, request: AttachRequest): EndpointRecord => ({
  id: newId(),
  networkId: network.id,
  networkName: network.name,
  containerId: request.containerId,
  containerName: request.containerName,
  aliases: request.aliases ?? [],
  ip: '',
  prefix: 0,
  gateway: '',
  mac: '',
  device: '',
  ports: [],
  hostDevice: '',
  netnsPath: request.netnsPath,
  hostname: request.hostname,
  dns: request.dns ?? [],
  requested: [],
});

/** Chooses address, MAC and device, and takes them by entering the endpoint into the map. */
const enter = (context: Context, network: NetworkRecord, request: AttachRequest): EndpointRecord => {
  checkAttachable(context, network, request);
  const bare = bareEndpoint(network, request);
  if (network.ipam === undefined) {
    context.endpoints.set(bare.id, bare);
    return bare;
  }
  const plan = planOf(network.ipam);
  const taken = takenAddresses(context, network.id);
  const address = allocateAddress({ network: network.name, plan, taken, wanted: request.ip });
  const binding = network.options[HOST_BINDING];
  const record: EndpointRecord = {
    ...bare,
    ip: formatIpv4(address),
    prefix: plan.subnet.prefix,
    gateway: network.internal ? '' : formatIpv4(plan.gateway),
    mac: request.mac === undefined || request.mac === '' ? macOf(address) : request.mac.toLowerCase(),
    device: freeDevice(endpointsOfContainer(context, request.containerId).map((other) => other.device)),
    hostDevice: hostDevice(bare.id),
    requested: network.internal
      ? []
      : (request.ports ?? []).map((port) => ({ ...port, hostIp: port.hostIp || binding })),
  };
  context.endpoints.set(record.id, record);
  return record;
};

const lay = (record: EndpointRecord, bridge: Link): void => {
  const { hostDevice, device, netnsPath, ip, prefix, mac, gateway } = record;
  plug({
    hostDevice,
    device,
    netnsPath,
    bridge,
    ip,
    prefix,
    mac,
    gateway: gateway === '' ? undefined : gateway,
  });
};

/** Takes the ports of an endpoint and lets packets through to them. */
export const openPorts = async (context: Context, record: EndpointRecord): Promise<EndpointRecord> => {
  if (record.requested.length === 0) return record;
  const publication = await publish(record.requested, {
    container: record.containerName,
    target: (port) => ({ ip: record.ip, port }),
  });
  context.publications.set(record.id, publication);
  const published = { ...record, ports: publication.bindings };
  context.endpoints.set(record.id, published);
  await context.firewall.apply();
  return published;
};

/** Forgets an endpoint in the maps and frees its ports at once; rules and records follow. */
export const forget = (context: Context, record: EndpointRecord): void => {
  context.endpoints.delete(record.id);
  context.publications.get(record.id)?.close();
  context.publications.delete(record.id);
};

const undo = async (context: Context, record: EndpointRecord): Promise<void> => {
  const published = context.publications.has(record.id);
  forget(context, record);
  await Promise.allSettled([
    record.hostDevice === '' ? undefined : unplug(record.hostDevice),
    published ? context.firewall.apply() : undefined,
    context.resolver.update(),
    writeEndpoints(context.database, [deleteEndpoint(record.id)]),
  ]);
};

const connectCable = async (context: Context, record: EndpointRecord): Promise<EndpointRecord> => {
  const bridge = await ensureBridge(context, record.networkId);
  lay(record, bridge);
  const [published] = await Promise.all([openPorts(context, record), context.resolver.update()]);
  return published;
};

/** Our rules may have to pass another program's, which may have been started since the bridge was made. */
const passLater = (context: Context): void => {
  context.firewall.passForward().catch((error: unknown) => {
    context.emit({ kind: 'notice', message: `iptables rules could not be updated: ${String(error)}` });
  });
};

/** See `Networks.attach`. */
export const attach = async (context: Context, request: AttachRequest): Promise<Endpoint> => {
  const named = findNetwork(context, request.network);
  // The range of the network may be chosen anew until the first container is on it.
  if (named.driver === 'bridge') await ensureBridge(context, named.id);
  const network = findNetwork(context, named.id);
  const entered = enter(context, network, request);
  try {
    // The record is written while the kernel is busy; published ports are added to it when they are known.
    const [record] = await Promise.all([
      network.driver === 'bridge' ? connectCable(context, entered) : entered,
      writeEndpoints(context.database, [saveEndpoint(entered)]),
    ]);
    if (record !== entered) await writeEndpoints(context.database, [saveEndpoint(record)]);
    if (network.driver === 'bridge') passLater(context);
    const { containerId } = record;
    context.emit({ kind: 'connected', network: networkView(context, network), containerId });
    return endpointView(record);
  } catch (error) {
    await undo(context, entered);
    throw error;
  }
};
