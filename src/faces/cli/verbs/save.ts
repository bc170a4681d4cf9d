import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { checkOutput, writeOutput } from '../output-file.ts';

export const command = defineCommand({
  name: 'save',
  operands: '[OPTIONS] IMAGE [IMAGE...]',
  summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
  aliases: ['image save', 'save'],
  flags: flagTable({
    output: { kind: 'string', short: 'o', help: 'Write to a file, instead of STDOUT' },
    platform: { kind: 'list', help: 'Save only the given platform variants' },
    since: { kind: 'list', help: 'Leave out the layers of an image that the other side has' },
  }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    checkOutput(cli, flags.output);
    const client = await cli.client();
    const query = { names: args, platform: flags.platform, since: flags.since };
    const answer = await client.stream({ method: 'GET', path: '/images/get', query, signal: cli.signal });
    await writeOutput(cli, answer.body, flags.output);
    return 0;
  },
});
