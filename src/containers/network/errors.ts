import { defineErrors } from '#errors';

interface Named {
  readonly name: string;
}

export const networkErrors = defineErrors('network', {
  networkNotFound: {
    kind: 'not-found',
    message: (p: Named) => `network ${p.name} not found`,
    hint: 'list the networks with `lade network ls`',
  },
  networkAmbiguous: {
    kind: 'invalid-argument',
    message: (p: Named) => `network ${p.name} is ambiguous: several IDs begin with it`,
    hint: 'give more digits of the ID, or the name',
  },
  networkExists: {
    kind: 'already-exists',
    message: (p: Named) => `network with name ${p.name} already exists`,
    hint: 'choose another name, or remove that network first',
  },
  networkNameInvalid: {
    kind: 'invalid-argument',
    message: (p: Named) => `invalid network name: ${JSON.stringify(p.name)}`,
    hint: 'begin with a letter or digit, then letters, digits, _ . or -',
  },
  networkPredefined: {
    kind: 'permission-denied',
    message: (p: { name: string; action: string }) =>
      `${p.name} is a pre-defined network and cannot be ${p.action}`,
    hint: 'the networks bridge, host and none always exist; make one of your own with `lade network create`',
  },
  networkInUse: {
    kind: 'conflict',
    message: (p: { name: string; id: string; containers: readonly string[] }) =>
      `error while removing network: network ${p.name} id ${p.id} has active endpoints (${p.containers.join(', ')})`,
    hint: 'stop these containers or disconnect them first',
  },
  driverUnsupported: {
    kind: 'unsupported',
    message: (p: { driver: string }) => `network driver ${p.driver} is not supported`,
    hint: 'use the driver bridge',
  },
  ipv6Unsupported: {
    kind: 'unsupported',
    message: (p: { what: string }) => `IPv6 is not supported on networks yet: ${p.what}`,
    hint: 'leave IPv6 off for this network',
  },
  ipamInvalid: {
    kind: 'invalid-argument',
    message: (p: { field: string; value: string; reason: string }) =>
      `invalid ${p.field} ${JSON.stringify(p.value)}: ${p.reason}`,
  },
  optionInvalid: {
    kind: 'invalid-argument',
    message: (p: { option: string; value: string }) =>
      `invalid value ${JSON.stringify(p.value)} of network option ${p.option}`,
  },
  subnetOverlaps: {
    kind: 'conflict',
    message: (p: { subnet: string; other: string }) =>
      `invalid pool request: Pool overlaps with other one on this address space: ${p.subnet} overlaps ${p.other}`,
    hint: 'choose another subnet, or leave the choice to Lade',
  },
  poolsExhausted: {
    kind: 'unavailable',
    message: () =>
      'all predefined address pools have been fully subnetted: no free range for another network',
    hint: 'remove unused networks (`lade network prune`), or name a subnet',
  },
  addressesExhausted: {
    kind: 'unavailable',
    message: (p: { network: string; range: string }) =>
      `no available IPv4 addresses on network ${p.network} (${p.range})`,
    hint: 'stop containers on this network, or make one with a larger subnet',
  },
  addressTaken: {
    kind: 'conflict',
    message: (p: { address: string; network: string }) =>
      `address ${p.address} is already in use on network ${p.network}`,
    hint: 'choose another address',
  },
  deviceTaken: {
    kind: 'conflict',
    message: (p: { device: string }) =>
      `the network device ${p.device} exists already and belongs to something else`,
    hint: 'choose another com.docker.network.bridge.name',
  },
  alreadyConnected: {
    kind: 'conflict',
    message: (p: { container: string; network: string }) =>
      `endpoint with name ${p.container} already exists in network ${p.network}`,
  },
  notConnected: {
    kind: 'not-found',
    message: (p: { container: string; network: string }) =>
      `container ${p.container} is not connected to network ${p.network}`,
  },
  notConnectable: {
    kind: 'permission-denied',
    message: (p: { network: string }) =>
      `a container cannot be disconnected from or connected to ${p.network} network`,
  },
  portAllocated: {
    kind: 'conflict',
    message: (p: { container: string; address: string; port: string; protocol: string }) =>
      `driver failed programming external connectivity on endpoint ${p.container}: ` +
      `Bind for ${p.address}:${p.port} failed: port is already allocated`,
    hint: (p: { port: string; protocol: string }) =>
      `find what uses ${p.protocol} port ${p.port} with \`ss -lpn\`, or publish another port`,
  },
  portUnavailable: {
    kind: 'invalid-argument',
    message: (p: { container: string; address: string; port: string; reason: string }) =>
      `driver failed programming external connectivity on endpoint ${p.container}: ` +
      `Bind for ${p.address}:${p.port} failed: ${p.reason}`,
    hint: 'publish on an address of this machine, or name none to publish on all of them',
  },
  programMissing: {
    kind: 'failed-precondition',
    message: (p: { program: string }) => `the program ${p.program} is not installed`,
    hint: (p: { program: string }) =>
      `install it (Debian: apt-get install ${p.program === 'nft' ? 'nftables' : p.program})`,
  },
  programFailed: {
    kind: 'internal',
    message: (p: { program: string; text: string }) => `${p.program} failed: ${p.text}`,
  },
  resolverFailed: {
    kind: 'unavailable',
    message: (p: { reason: string }) => `the name resolution process does not answer: ${p.reason}`,
    hint: 'look at network/resolver.log below the root directory',
  },
});
