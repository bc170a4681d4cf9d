import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';
import { containerPath } from '../paths.ts';

export const command = defineCommand({
  name: 'stop',
  operands: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Stop one or more running containers',
  aliases: ['container stop', 'stop'],
  flags: flagTable({
    signal: { kind: 'string', short: 's', help: 'Signal to send to the container' },
    timeout: { kind: 'int', short: 't', help: 'Seconds to wait before killing the container' },
    time: { kind: 'int', help: '', hidden: true, aliasOf: 'timeout' },
  }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    const client = await cli.client();
    return await forEachName(cli, args, (name) =>
      client.json({
        method: 'POST',
        path: containerPath(name, '/stop'),
        query: { t: flags.timeout, signal: flags.signal },
      }),
    );
  },
});
