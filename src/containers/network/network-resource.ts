import type { Network } from './types.ts';

const ipamResource = (network: Network): object => {
  const { ipam } = network;
  const config =
    ipam === undefined
      ? []
      : [
          {
            Subnet: ipam.subnet,
            ...(ipam.ipRange === undefined ? {} : { IPRange: ipam.ipRange }),
            Gateway: ipam.gateway,
            ...(ipam.auxiliaryAddresses === undefined ? {} : { AuxiliaryAddresses: ipam.auxiliaryAddresses }),
          },
        ];
  return { Driver: 'default', Options: network.predefined ? null : {}, Config: config };
};

const containersResource = (network: Network): object =>
  Object.fromEntries(
    network.endpoints.map((endpoint) => [
      endpoint.containerId,
      {
        Name: endpoint.containerName,
        EndpointID: endpoint.id,
        MacAddress: endpoint.mac,
        IPv4Address: endpoint.ip === '' ? '' : `${endpoint.ip}/${endpoint.prefix}`,
        IPv6Address: '',
      },
    ]),
  );

/** The network as Docker's Engine API shows it (`NetworkResource`, API 1.51). */
export const networkResource = (network: Network): Readonly<Record<string, unknown>> => ({
  Name: network.name,
  Id: network.id,
  Created: network.created.toISOString(),
  Scope: 'local',
  Driver: network.driver,
  EnableIPv4: true,
  EnableIPv6: false,
  IPAM: ipamResource(network),
  Internal: network.internal,
  Attachable: network.attachable,
  Ingress: false,
  ConfigFrom: { Network: '' },
  ConfigOnly: false,
  Containers: containersResource(network),
  Options: network.options,
  Labels: network.labels,
});
