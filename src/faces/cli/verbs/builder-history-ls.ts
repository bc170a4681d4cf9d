import { flagTable, formatRows } from '#console';
import { HISTORY_HEADINGS, historyRow, listBuilds } from '../build-history.ts';
import { filterBuilds } from '../build-history-filters.ts';
import { defineCommand } from '../command.ts';

const TABLE =
  'table {{.ID}}\t{{.Name}}\t{{.Status}}\t{{.CreatedSince}}\t{{.Duration}}\t{{.Cached}}\t{{.ImageID}}';

export const command = defineCommand({
  name: 'builder history ls',
  operands: '[OPTIONS]',
  summary: 'List builds, the newest first',
  aliases: ['builder history', 'builder history ls', 'builder history list'],
  flags: flagTable({
    filter: {
      kind: 'list',
      short: 'f',
      type: 'filter',
      help: 'Provide filter values: status=, tag=, target=, context=, since=, until=',
    },
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    last: { kind: 'int', short: 'n', help: 'Show only so many builds' },
    'no-trunc': { kind: 'bool', help: 'Do not truncate the output' },
    quiet: { kind: 'bool', short: 'q', help: 'Only display build IDs' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const builds = filterBuilds(await listBuilds(await cli.client()), flags.filter);
    const shown = flags.last === undefined ? builds : builds.slice(0, Math.max(0, flags.last));
    const rows = shown.map((build) => historyRow(build, !flags['no-trunc']));
    const table = flags.quiet ? '{{.ID}}' : TABLE;
    const format = flags.format === undefined || flags.format === 'table' ? table : flags.format;
    cli.out(formatRows(rows, { format, headings: HISTORY_HEADINGS, terminal: cli.stdout.isTTY }));
    return 0;
  },
});
