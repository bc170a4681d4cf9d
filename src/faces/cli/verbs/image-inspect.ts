import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { IMAGE_KIND, inspectObjects } from '../inspect-objects.ts';

export const command = defineCommand({
  name: 'image inspect',
  operands: '[OPTIONS] IMAGE [IMAGE...]',
  summary: 'Display detailed information on one or more images',
  flags: flagTable({
    format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" },
    platform: { kind: 'string', help: 'Inspect a specific platform of the multi-platform image' },
  }),
  args: [1, NO_LIMIT],
  run: (cli, { flags, args }) =>
    inspectObjects(cli, args, {
      kinds: [{ ...IMAGE_KIND, query: { platform: flags.platform } }],
      format: flags.format,
    }),
});
