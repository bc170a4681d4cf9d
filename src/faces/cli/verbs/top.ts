import { alignColumns, visible } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { containerPath } from '../paths.ts';

interface Processes {
  readonly Titles: readonly string[];
  readonly Processes: readonly (readonly string[])[] | null;
}

export const command = defineCommand({
  name: 'top',
  operands: 'CONTAINER [ps OPTIONS]',
  summary: 'Display the running processes of a container',
  aliases: ['container top', 'top'],
  flags: {},
  args: [1, NO_LIMIT],
  interspersed: false,
  async run(cli, { args: [container = '', ...options] }) {
    const client = await cli.client();
    const answer = await client.json<Processes>({
      method: 'GET',
      path: containerPath(container, '/top'),
      query: { ps_args: options.length === 0 ? undefined : options.join(' ') },
    });
    const lines = [answer.Titles, ...(answer.Processes ?? [])].map((line) => line.map(visible).join('\t'));
    cli.out(`${alignColumns(lines.join('\n'), { minWidth: 20, padding: 3 })}\n`);
    return 0;
  },
});
