import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';
import { VOLUME_KIND } from '../inspect-objects.ts';

export const command = defineCommand({
  name: 'volume rm',
  operands: '[OPTIONS] VOLUME [VOLUME...]',
  summary: 'Remove one or more volumes',
  aliases: ['volume rm', 'volume remove'],
  flags: flagTable({ force: { kind: 'bool', short: 'f', help: 'Force the removal of one or more volumes' } }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    const client = await cli.client();
    return await forEachName(cli, args, (name) =>
      client.json({ method: 'DELETE', path: VOLUME_KIND.path(name), query: { force: flags.force } }),
    );
  },
});
