import { defineCommand } from '../command.ts';
import { containerPath } from '../paths.ts';

export const command = defineCommand({
  name: 'rename',
  operands: 'CONTAINER NEW_NAME',
  summary: 'Rename a container',
  aliases: ['container rename', 'rename'],
  flags: {},
  args: [2, 2],
  async run(cli, { args: [container = '', name = ''] }) {
    const client = await cli.client();
    await client.json({ method: 'POST', path: containerPath(container, '/rename'), query: { name } });
    return 0;
  },
});
