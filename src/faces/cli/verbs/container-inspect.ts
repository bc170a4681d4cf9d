import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { containerKind, inspectObjects } from '../inspect-objects.ts';

export const command = defineCommand({
  name: 'container inspect',
  operands: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Display detailed information on one or more containers',
  flags: flagTable({
    format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" },
    size: { kind: 'bool', short: 's', help: 'Display total file sizes' },
  }),
  args: [1, NO_LIMIT],
  run: (cli, { flags, args }) =>
    inspectObjects(cli, args, { kinds: [containerKind(flags.size)], format: flags.format }),
});
