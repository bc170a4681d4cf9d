import { NO_LIMIT, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';
import { containerPath } from '../paths.ts';

export const command = defineCommand({
  name: 'pause',
  operands: 'CONTAINER [CONTAINER...]',
  summary: 'Pause all processes within one or more containers',
  aliases: ['container pause', 'pause'],
  flags: {},
  args: [1, NO_LIMIT],
  async run(cli, { args }) {
    const client = await cli.client();
    return await forEachName(cli, args, (name) =>
      client.json({ method: 'POST', path: containerPath(name, '/pause') }),
    );
  },
});
