import { hostname as machineName } from 'node:os';
import { isLadeError } from '#errors';
import { parseNetworkMode, type Endpoint, type NetworkMode } from '#network';
import type { NetworkInput } from '#runtime';
import type { Container } from './container.ts';
import { emitNetwork, type EngineContext } from './context.ts';
import { engineErrors } from './errors.ts';
import { portRequestsOf } from './published-ports.ts';
import type { ContainerRecord } from './record.ts';
import type { ContainerConfig, EndpointRequest, HostConfig, NetworkingConfig } from './wire-types.ts';

export const modeOf = (host: HostConfig): NetworkMode => parseNetworkMode(host.NetworkMode);

const nameOfNetwork = (context: EngineContext, given: string): string => {
  try {
    return context.networks.inspect(given).name;
  } catch (error) {
    if (isLadeError(error, 'not-found')) return given;
    throw error;
  }
};

/** The wanted networks by name: that of the mode first, then the others. */
export const wantedNetworks = (
  host: HostConfig,
  networking: NetworkingConfig | undefined,
): Readonly<Record<string, EndpointRequest>> => {
  const requests = networking?.EndpointsConfig ?? {};
  const mode = modeOf(host);
  if (mode.kind === 'container') return {};
  const primary = mode.kind === 'network' ? mode.network : mode.kind;
  const own = requests[primary] ?? requests['default'] ?? {};
  const others = Object.entries(requests)
    .filter(([name]) => name !== primary && name !== 'default')
    .map(([name, request]): [string, EndpointRequest] => [name, request ?? {}]);
  if (others.length > 0 && mode.kind !== 'network') {
    throw engineErrors.invalidConfig({
      reason: `conflicting options: host type networking can't be used with other networks`,
    });
  }
  return Object.fromEntries([[primary, own], ...others]);
};

/** The same networks by their own names, where they are there already. */
export const withNetworkNames = (
  context: EngineContext,
  networks: Readonly<Record<string, EndpointRequest>>,
): Readonly<Record<string, EndpointRequest>> =>
  Object.fromEntries(
    Object.entries(networks).map(([given, request]) => [nameOfNetwork(context, given), request]),
  );

const given = (value: object | readonly unknown[] | null | undefined): boolean =>
  Object.keys(value ?? {}).length > 0;

/** Refuses what belongs to the container whose network is shared. */
export const checkSharedNetwork = (config: ContainerConfig, host: HostConfig): void => {
  if (modeOf(host).kind !== 'container') return;
  const conflicts: readonly (readonly [boolean, string])[] = [
    [(config.Hostname ?? '') !== '', 'hostname and the network mode'],
    [given(host.Dns), 'dns and the network mode'],
    [given(host.ExtraHosts), 'custom host-to-IP mapping and the network mode'],
    [(config.MacAddress ?? '') !== '', 'mac-address and the network mode'],
    [
      given(host.PortBindings) || host.PublishAllPorts === true,
      'port publishing and the container type network mode',
    ],
  ];
  const found = conflicts.find(([conflicting]) => conflicting);
  if (found !== undefined) throw engineErrors.invalidConfig({ reason: `conflicting options: ${found[1]}` });
};

/** The name a container gives itself. */
export const hostnameOf = (record: ContainerRecord): string => {
  const own = record.config.Hostname ?? '';
  if (own !== '') return own;
  return record.hostConfig.NetworkMode === 'host' ? machineName() : record.id.slice(0, 12);
};

/** The running container whose network this one shares. */
export const networkOwner = (context: EngineContext, record: ContainerRecord): Container | undefined => {
  const mode = modeOf(record.hostConfig);
  return mode.kind === 'container' ? context.containers.find(mode.container) : undefined;
};

const attachOne = async (
  context: EngineContext,
  record: ContainerRecord,
  network: string,
  options: { readonly netnsPath: string; readonly withPorts: boolean; readonly request: EndpointRequest },
): Promise<void> => {
  const { request } = options;
  const mac = request.MacAddress ?? record.config.MacAddress;
  const endpoint = await context.networks.attach({
    containerId: record.id,
    containerName: record.name,
    netnsPath: options.netnsPath,
    network,
    aliases: request.Aliases ?? [],
    hostname: hostnameOf(record),
    ports: options.withPorts ? portRequestsOf(record.config, record.hostConfig) : [],
    ip: request.IPAMConfig?.IPv4Address,
    mac: mac === '' ? undefined : mac,
    dns: record.hostConfig.Dns ?? [],
  });
  emitNetwork(context, context.networks.inspect(endpoint.networkId), 'connect', record.id);
};

const sharedNamespace = (context: EngineContext, record: ContainerRecord): string | undefined => {
  const owner = networkOwner(context, record);
  if (owner === undefined) return undefined;
  const { state } = owner.record;
  if (state.kind !== 'running' && state.kind !== 'paused') {
    throw engineErrors.notRunning({ name: owner.record.name });
  }
  return `/proc/${state.pid}/ns/net`;
};

/** The network that the container's process is made in: its namespace is there, its addresses may come later. */
export const openNetwork = (context: EngineContext, record: ContainerRecord): NetworkInput => {
  const shared = sharedNamespace(context, record);
  if (shared !== undefined) return { kind: 'path', path: shared };
  if (modeOf(record.hostConfig).kind === 'host') return { kind: 'host' };
  return { kind: 'path', path: context.networks.createNamespace(record.id) };
};

/** Gives the container its addresses, published ports and names; to be done before its process starts. */
export const connectNetworks = async (context: EngineContext, record: ContainerRecord): Promise<void> => {
  const netnsPath = record.hostConfig.NetworkMode === 'host' ? '' : context.networks.namespacePath(record.id);
  let withPorts = true;
  for (const [network, request] of Object.entries(record.networks)) {
    await attachOne(context, record, network, { netnsPath, withPorts, request });
    withPorts = false;
  }
};

/** Takes all of it back; idempotent. */
export const disconnectNetworks = async (context: EngineContext, record: ContainerRecord): Promise<void> => {
  const endpoints = context.networks.endpoints(record.id);
  await context.networks.detach(record.id);
  context.networks.removeNamespace(record.id);
  for (const { networkId, networkName } of endpoints) {
    emitNetwork(context, { id: networkId, name: networkName, driver: 'bridge' }, 'disconnect', record.id);
  }
};

/** Adds a running or stopped container to a further network. */
export const joinNetwork = async (
  context: EngineContext,
  container: Container,
  network: string,
  request: EndpointRequest = {},
): Promise<void> => {
  const { record } = container;
  const { name } = context.networks.inspect(network);
  if (modeOf(record.hostConfig).kind !== 'network') {
    throw engineErrors.invalidConfig({
      reason: `container ${record.name} shares another network and cannot be connected to ${name}`,
    });
  }
  if (record.state.kind === 'running' || record.state.kind === 'paused') {
    const netnsPath = context.networks.namespacePath(record.id);
    await attachOne(context, record, name, { netnsPath, withPorts: false, request });
  }
  await context.containers.save(container, { networks: { ...container.record.networks, [name]: request } });
};

/** Takes a container off a network. */
export const leaveNetwork = async (
  context: EngineContext,
  container: Container,
  network: string,
): Promise<void> => {
  const { record } = container;
  const found = context.networks.inspect(network);
  const isOn = context.networks.endpoints(record.id).some(({ networkId }) => networkId === found.id);
  if (!isOn && record.networks[found.name] === undefined) {
    throw engineErrors.invalidConfig({
      reason: `container ${record.id} is not connected to network ${found.name}`,
    });
  }
  if (isOn) {
    await context.networks.disconnect(found.name, record.id);
    emitNetwork(context, found, 'disconnect', record.id);
  }
  const networks = Object.fromEntries(
    Object.entries(container.record.networks).filter(([name]) => name !== found.name),
  );
  await context.containers.save(container, { networks });
};

/** The endpoints of the container whose network this one uses. */
export const endpointsOf = (context: EngineContext, record: ContainerRecord): readonly Endpoint[] => {
  const owner = modeOf(record.hostConfig).kind === 'container' ? networkOwner(context, record) : undefined;
  return context.networks.endpoints(owner?.id ?? record.id);
};
