import { flagTable } from '#console';
import { debugBuild, debugChoiceOf } from '../build-debug.ts';
import { inspectBuild } from '../build-history.ts';
import { NO_LIMIT, defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'debug',
  operands: '[OPTIONS] BUILD [COMMAND] [ARG...]',
  summary: 'Open a shell in the failed step of a build that was made with --debug',
  aliases: ['debug', 'builder debug'],
  flags: flagTable({
    at: {
      kind: 'string',
      type: 'before|after',
      help: 'In what the failing command began with, or in what it left',
      shownDefault: '"after"',
    },
  }),
  args: [1, NO_LIMIT],
  interspersed: false,
  async run(cli, { flags, args: [build = '', ...args] }) {
    const choice = debugChoiceOf(flags.at ?? 'after') ?? 'after';
    const { id } = await inspectBuild(await cli.client(), build);
    return await debugBuild(cli, id, { choice, args });
  },
});
