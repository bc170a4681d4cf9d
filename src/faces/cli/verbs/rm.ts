import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';
import { containerPath } from '../paths.ts';

export const command = defineCommand({
  name: 'rm',
  operands: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Remove one or more containers',
  aliases: ['container rm', 'container remove', 'rm'],
  flags: flagTable({
    force: { kind: 'bool', short: 'f', help: 'Force the removal of a running container (uses SIGKILL)' },
    link: { kind: 'bool', short: 'l', help: 'Remove the specified link' },
    volumes: { kind: 'bool', short: 'v', help: 'Remove anonymous volumes associated with the container' },
  }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    const client = await cli.client();
    return await forEachName(cli, args, (name) =>
      client.json({
        method: 'DELETE',
        path: containerPath(name.replace(/^\//, '')),
        query: { force: flags.force, v: flags.volumes, link: flags.link },
      }),
    );
  },
});
