import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { NETWORK_KIND, inspectObjects } from '../inspect-objects.ts';

export const command = defineCommand({
  name: 'network inspect',
  operands: '[OPTIONS] NETWORK [NETWORK...]',
  summary: 'Display detailed information on one or more networks',
  flags: flagTable({
    format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" },
    verbose: { kind: 'bool', short: 'v', help: 'Verbose output for diagnostics' },
  }),
  args: [1, NO_LIMIT],
  run: (cli, { flags, args }) => inspectObjects(cli, args, { kinds: [NETWORK_KIND], format: flags.format }),
});
