import { isLadeError } from '#errors';
import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';
import { NETWORK_KIND } from '../inspect-objects.ts';

export const command = defineCommand({
  name: 'network rm',
  operands: 'NETWORK [NETWORK...]',
  summary: 'Remove one or more networks',
  aliases: ['network rm', 'network remove'],
  flags: flagTable({
    force: { kind: 'bool', short: 'f', help: 'Do not error if the network does not exist' },
  }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    const client = await cli.client();
    return await forEachName(cli, args, async (name) => {
      try {
        await client.json({ method: 'DELETE', path: NETWORK_KIND.path(name) });
      } catch (error) {
        if (!(flags.force && isLadeError(error, 'not-found'))) throw error;
      }
    });
  },
});
