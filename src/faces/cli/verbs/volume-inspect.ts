import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { VOLUME_KIND, inspectObjects } from '../inspect-objects.ts';

export const command = defineCommand({
  name: 'volume inspect',
  operands: '[OPTIONS] VOLUME [VOLUME...]',
  summary: 'Display detailed information on one or more volumes',
  flags: flagTable({
    format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" },
  }),
  args: [1, NO_LIMIT],
  run: (cli, { flags, args }) => inspectObjects(cli, args, { kinds: [VOLUME_KIND], format: flags.format }),
});
