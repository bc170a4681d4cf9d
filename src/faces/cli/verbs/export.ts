import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { checkOutput, writeOutput } from '../output-file.ts';
import { containerPath } from '../paths.ts';

export const command = defineCommand({
  name: 'export',
  operands: '[OPTIONS] CONTAINER',
  summary: "Export a container's filesystem as a tar archive",
  aliases: ['container export', 'export'],
  flags: flagTable({ output: { kind: 'string', short: 'o', help: 'Write to a file, instead of STDOUT' } }),
  args: [1, 1],
  async run(cli, { flags, args: [container = ''] }) {
    checkOutput(cli, flags.output);
    const client = await cli.client();
    const path = containerPath(container, '/export');
    const answer = await client.stream({ method: 'GET', path, signal: cli.signal });
    await writeOutput(cli, answer.body, flags.output);
    return 0;
  },
});
