import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { NETWORK_KIND } from '../inspect-objects.ts';
import { toMap } from '../text-lists.ts';

export const command = defineCommand({
  name: 'network connect',
  operands: '[OPTIONS] NETWORK CONTAINER',
  summary: 'Connect a container to a network',
  flags: flagTable({
    alias: { kind: 'list', help: 'Add network-scoped alias for the container' },
    'driver-opt': { kind: 'list', help: 'Driver options for the network' },
    ip: { kind: 'string', help: 'IPv4 address (e.g., "172.30.100.104")' },
    ip6: { kind: 'string', help: 'IPv6 address (e.g., "2001:db8::33")' },
    link: { kind: 'list', help: 'Add link to another container' },
  }),
  args: [2, 2],
  async run(cli, { flags, args: [network = '', container = ''] }) {
    const client = await cli.client();
    const address = flags.ip !== undefined || flags.ip6 !== undefined;
    await client.json({
      method: 'POST',
      path: `${NETWORK_KIND.path(network)}/connect`,
      body: {
        Container: container,
        EndpointConfig: {
          Aliases: flags.alias.length === 0 ? undefined : flags.alias,
          Links: flags.link.length === 0 ? undefined : flags.link,
          DriverOpts: flags['driver-opt'].length === 0 ? undefined : toMap(flags['driver-opt']),
          IPAMConfig: address ? { IPv4Address: flags.ip, IPv6Address: flags.ip6 } : undefined,
        },
      },
    });
    return 0;
  },
});
