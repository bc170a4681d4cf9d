import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { splitTarget } from '../image-names.ts';

export const command = defineCommand({
  name: 'commit',
  operands: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  summary: "Create a new image from a container's changes",
  aliases: ['container commit', 'commit'],
  flags: flagTable({
    author: {
      kind: 'string',
      short: 'a',
      help: 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")',
    },
    change: { kind: 'list', short: 'c', help: 'Apply Dockerfile instruction to the created image' },
    message: { kind: 'string', short: 'm', help: 'Commit message' },
    pause: { kind: 'bool', short: 'p', on: true, help: 'Pause container during commit' },
  }),
  args: [1, 2],
  async run(cli, { flags, args: [container = '', reference = ''] }) {
    const client = await cli.client();
    const { name, tag } = splitTarget(reference);
    const answer = await client.json<{ readonly Id: string }>({
      method: 'POST',
      path: '/commit',
      query: {
        container,
        repo: name === '' ? undefined : name,
        tag: tag === '' ? undefined : tag,
        comment: flags.message,
        author: flags.author,
        changes: flags.change,
        pause: flags.pause ? '1' : '0',
      },
      body: {},
      signal: cli.signal,
    });
    cli.out(`${answer.Id}\n`);
    return 0;
  },
});
