import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { toMap } from '../text-lists.ts';

const networkFlags = flagTable({
  attachable: { kind: 'bool', help: 'Enable manual container attachment' },
  'aux-address': {
    kind: 'list',
    type: 'map',
    help: 'Auxiliary IPv4 or IPv6 addresses used by Network driver',
  },
  driver: { kind: 'string', short: 'd', help: 'Driver to manage the Network', shownDefault: '"bridge"' },
  gateway: { kind: 'list', help: 'IPv4 or IPv6 Gateway for the master subnet' },
  internal: { kind: 'bool', help: 'Restrict external access to the network' },
  'ip-range': { kind: 'list', help: 'Allocate container ip from a sub-range' },
  'ipam-driver': { kind: 'string', help: 'IP Address Management Driver', shownDefault: '"default"' },
  'ipam-opt': { kind: 'list', type: 'map', help: 'Set IPAM driver specific options' },
  ipv4: { kind: 'bool', on: true, help: 'Enable or disable IPv4 address assignment' },
  ipv6: { kind: 'bool', help: 'Enable or disable IPv6 address assignment' },
  label: { kind: 'list', help: 'Set metadata on a network' },
  opt: { kind: 'list', short: 'o', type: 'map', help: 'Set driver specific options' },
  scope: { kind: 'string', help: "Control the network's scope" },
  subnet: { kind: 'list', help: 'Subnet in CIDR format that represents a network segment' },
});

interface Pool {
  readonly Subnet: string;
  readonly IPRange: string | undefined;
  readonly Gateway: string | undefined;
}

const poolsOf = (
  subnets: readonly string[],
  ranges: readonly string[],
  gateways: readonly string[],
): readonly Pool[] =>
  subnets.map((Subnet, index) => ({ Subnet, IPRange: ranges[index], Gateway: gateways[index] }));

export const command = defineCommand({
  name: 'network create',
  operands: '[OPTIONS] NETWORK',
  summary: 'Create a network',
  flags: networkFlags,
  args: [1, 1],
  async run(cli, { flags, given, args: [name = ''] }) {
    const client = await cli.client();
    const pools = poolsOf(flags.subnet, flags['ip-range'], flags.gateway);
    const { Id, Warning } = await client.json<{ readonly Id: string; readonly Warning?: string }>({
      method: 'POST',
      path: '/networks/create',
      body: {
        Name: name,
        Driver: flags.driver ?? 'bridge',
        Internal: flags.internal,
        Attachable: flags.attachable,
        EnableIPv4: given.has('ipv4') ? flags.ipv4 : undefined,
        EnableIPv6: given.has('ipv6') ? flags.ipv6 : undefined,
        Scope: flags.scope,
        Options: toMap(flags.opt),
        Labels: toMap(flags.label),
        IPAM: {
          Driver: flags['ipam-driver'] ?? 'default',
          Options: toMap(flags['ipam-opt']),
          Config: pools.length === 0 ? undefined : pools,
        },
      },
    });
    if (Warning) cli.note(`WARNING: ${Warning}`);
    cli.out(`${Id}\n`);
    return 0;
  },
});
