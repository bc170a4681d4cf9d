import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';
import { containerPath } from '../paths.ts';

export const command = defineCommand({
  name: 'kill',
  operands: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Kill one or more running containers',
  aliases: ['container kill', 'kill'],
  flags: flagTable({
    signal: { kind: 'string', short: 's', help: 'Signal to send to the container' },
  }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    const client = await cli.client();
    return await forEachName(cli, args, (name) =>
      client.json({ method: 'POST', path: containerPath(name, '/kill'), query: { signal: flags.signal } }),
    );
  },
});
