import type { Filters, NetworkAnswer } from '#api';
import type { Network } from '#network';

const containersOf = (network: Network): NetworkAnswer['Containers'] =>
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

const ipamOf = (network: Network): NetworkAnswer['IPAM'] => {
  const { ipam } = network;
  const config =
    ipam === undefined
      ? []
      : [
          {
            Subnet: ipam.subnet,
            Gateway: ipam.gateway,
            ...(ipam.ipRange === undefined ? {} : { IPRange: ipam.ipRange }),
          },
        ];
  return { Driver: 'default', Options: null, Config: config };
};

/** A network in Docker's words; lists leave the containers out. */
export const networkAnswer = (network: Network, withContainers: boolean): NetworkAnswer => ({
  Name: network.name,
  Id: network.id,
  Created: network.created.toISOString(),
  Scope: 'local',
  Driver: network.driver,
  EnableIPv4: true,
  EnableIPv6: false,
  IPAM: ipamOf(network),
  Internal: network.internal,
  Attachable: network.attachable,
  Ingress: false,
  ConfigFrom: { Network: '' },
  ConfigOnly: false,
  Containers: withContainers ? containersOf(network) : {},
  Options: network.options,
  Labels: network.labels,
});

/** Whether `labels` has the label a filter names: `key` or `key=value`. */
export const hasLabel = (labels: Readonly<Record<string, string>>, wanted: string): boolean => {
  const at = wanted.indexOf('=');
  return at === -1 ? wanted in labels : labels[wanted.slice(0, at)] === wanted.slice(at + 1);
};

type Test = (network: Network, value: string) => boolean;

const TESTS: Readonly<Record<string, Test>> = {
  name: (network, value) => network.name.includes(value),
  id: (network, value) => network.id.startsWith(value),
  driver: (network, value) => network.driver === value,
  label: (network, value) => hasLabel(network.labels, value),
  scope: (_network, value) => value === 'local',
  type: (network, value) => (value === 'builtin' ? network.predefined : !network.predefined),
  dangling: (network, value) =>
    (value === 'true' || value === '1') === (!network.predefined && network.endpoints.length === 0),
};

export const NETWORK_FILTERS = Object.keys(TESTS);

/** Labels must all be there, of any other key one value must fit. */
export const networkMatches = (network: Network, filters: Filters): boolean =>
  Object.entries(filters).every(([key, values]) => {
    const test = TESTS[key];
    if (test === undefined || values.length === 0) return true;
    return key === 'label'
      ? values.every((value) => test(network, value))
      : values.some((value) => test(network, value));
  });
