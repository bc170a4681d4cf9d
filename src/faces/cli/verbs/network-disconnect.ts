import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { NETWORK_KIND } from '../inspect-objects.ts';

export const command = defineCommand({
  name: 'network disconnect',
  operands: '[OPTIONS] NETWORK CONTAINER',
  summary: 'Disconnect a container from a network',
  flags: flagTable({
    force: { kind: 'bool', short: 'f', help: 'Force the container to disconnect from a network' },
  }),
  args: [2, 2],
  async run(cli, { flags, args: [network = '', container = ''] }) {
    const client = await cli.client();
    await client.json({
      method: 'POST',
      path: `${NETWORK_KIND.path(network)}/disconnect`,
      body: { Container: container, Force: flags.force },
    });
    return 0;
  },
});
