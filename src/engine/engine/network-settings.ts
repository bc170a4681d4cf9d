import { join } from 'node:path';
import type { Endpoint } from '#network';
import type { EngineContext } from './context.ts';
import { endpointsOf } from './networking.ts';
import { portMapOf } from './published-ports.ts';
import { isLive, type ContainerRecord } from './record.ts';
import type { EndpointInspect, EndpointRequest, NetworkSettings, PortSummary } from './wire-types.ts';

const EMPTY_ENDPOINT: Omit<EndpointInspect, 'Aliases' | 'IPAMConfig'> = {
  Links: null,
  MacAddress: '',
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: '',
  EndpointID: '',
  Gateway: '',
  IPAddress: '',
  IPPrefixLen: 0,
  IPv6Gateway: '',
  GlobalIPv6Address: '',
  GlobalIPv6PrefixLen: 0,
  DNSNames: null,
};

const endpointInspect = (
  endpoint: Endpoint | undefined,
  request: EndpointRequest | undefined,
): EndpointInspect => {
  const asked = { Aliases: request?.Aliases ?? null, IPAMConfig: request?.IPAMConfig ?? null };
  if (endpoint === undefined) return { ...EMPTY_ENDPOINT, ...asked };
  return {
    ...EMPTY_ENDPOINT,
    ...asked,
    MacAddress: endpoint.mac,
    NetworkID: endpoint.networkId,
    EndpointID: endpoint.id,
    Gateway: endpoint.gateway,
    IPAddress: endpoint.ip,
    IPPrefixLen: endpoint.prefix,
    DNSNames: endpoint.aliases.length === 0 ? null : endpoint.aliases,
  };
};

/** Networks by name: those it is on, and those it will be on. */
export const networksInspect = (
  context: EngineContext,
  record: ContainerRecord,
): Readonly<Record<string, EndpointInspect>> => {
  const endpoints = isLive(record) ? context.networks.endpoints(record.id) : [];
  const names = new Set([
    ...Object.keys(record.networks),
    ...endpoints.map(({ networkName }) => networkName),
  ]);
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      endpointInspect(
        endpoints.find(({ networkName }) => networkName === name),
        record.networks[name],
      ),
    ]),
  );
};

const livePorts = (context: EngineContext, record: ContainerRecord) =>
  isLive(record) ? context.networks.endpoints(record.id).flatMap(({ ports }) => ports) : [];

/** NetworkSettings of inspect; the fields of the old single network are those of `bridge`. */
export const networkSettings = (context: EngineContext, record: ContainerRecord): NetworkSettings => {
  const networks = networksInspect(context, record);
  const primary = networks['bridge'] ?? endpointInspect(undefined, undefined);
  const live = isLive(record) && endpointsOf(context, record).length > 0;
  return {
    Bridge: '',
    SandboxID: live ? record.id : '',
    SandboxKey: live ? context.networks.namespacePath(record.id) : '',
    Ports: live ? portMapOf(record.config, livePorts(context, record)) : {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: primary.EndpointID,
    Gateway: primary.Gateway,
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: primary.IPAddress,
    IPPrefixLen: primary.IPPrefixLen,
    IPv6Gateway: '',
    MacAddress: primary.MacAddress,
    Networks: networks,
  };
};

/** The PORTS column of `ps`. */
export const portSummaries = (context: EngineContext, record: ContainerRecord): readonly PortSummary[] => {
  if (!isLive(record)) return [];
  const map = portMapOf(record.config, livePorts(context, record));
  return Object.entries(map).flatMap(([key, bindings]): PortSummary[] => {
    const [port = '', type = 'tcp'] = key.split('/');
    if (bindings === null) return [{ PrivatePort: Number(port), Type: type }];
    return bindings.map(({ HostIp, HostPort }) => ({
      IP: HostIp,
      PrivatePort: Number(port),
      PublicPort: Number(HostPort),
      Type: type,
    }));
  });
};

/** Where inspect says that the snapshot lies. */
export const graphDriverOf = (context: EngineContext, record: ContainerRecord) => {
  const snapshot = context.layers.snapshot(record.id);
  return {
    Name: 'overlay2',
    Data:
      snapshot === undefined
        ? null
        : {
            UpperDir: snapshot.upperPath,
            MergedDir: snapshot.mergedPath,
            WorkDir: join(snapshot.upperPath, '..', 'work'),
          },
  };
};
