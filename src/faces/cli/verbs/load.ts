import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { openInput } from '../input-file.ts';
import { transfer } from '../transfer.ts';

export const command = defineCommand({
  name: 'load',
  operands: '[OPTIONS]',
  summary: 'Load an image from a tar archive or STDIN',
  aliases: ['image load', 'load'],
  flags: flagTable({
    input: { kind: 'string', short: 'i', help: 'Read from tar archive file, instead of STDIN' },
    platform: { kind: 'list', help: 'Load only the given platform variants' },
    quiet: { kind: 'bool', short: 'q', help: 'Suppress the load output' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const stream = await openInput(cli, flags.input, 'load');
    await transfer(cli, {
      method: 'POST',
      path: '/images/load',
      query: { quiet: flags.quiet || !cli.stdout.isTTY ? '1' : '0', platform: flags.platform },
      contentType: 'application/x-tar',
      stream,
    });
    return 0;
  },
});
