import type { ImageDeleteAnswer } from '#api';
import { isLadeError } from '#errors';
import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { imagePath } from '../paths.ts';
import { report } from '../report.ts';

export const command = defineCommand({
  name: 'rmi',
  operands: '[OPTIONS] IMAGE [IMAGE...]',
  summary: 'Remove one or more images',
  aliases: ['image rm', 'image remove', 'rmi'],
  flags: flagTable({
    force: { kind: 'bool', short: 'f', help: 'Force removal of the image' },
    purge: { kind: 'bool', help: 'Free the space at once: cannot be undone' },
    'no-prune': { kind: 'bool', help: 'Do not delete untagged parents' },
    platform: {
      kind: 'list',
      help: 'Remove only the image for this platform of an index, such as linux/arm64',
    },
  }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    const client = await cli.client();
    let code = 0;
    for (const name of args) {
      try {
        const query = {
          force: flags.force,
          noprune: flags['no-prune'],
          purge: flags.purge,
          platforms: flags.platform,
        };
        const path = imagePath(name);
        const removed = await client.json<readonly ImageDeleteAnswer[]>({ method: 'DELETE', path, query });
        for (const { Untagged, Deleted } of removed)
          cli.out(Deleted === undefined ? `Untagged: ${Untagged ?? ''}\n` : `Deleted: ${Deleted}\n`);
      } catch (error) {
        report(cli, error);
        if (!(flags.force && isLadeError(error, 'not-found'))) code = 1;
      }
    }
    return code;
  },
});
