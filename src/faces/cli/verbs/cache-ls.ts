import { flagTable, formatRows } from '#console';
import { CACHE_HEADINGS, cacheRow, listCaches } from '../cache-mounts.ts';
import { defineCommand } from '../command.ts';

const TABLE = 'table {{.ID}}\t{{.Key}}\t{{.Size}}\t{{.Sharing}}\t{{.Uses}}\t{{.LastUsed}}\t{{.InUse}}';

export const command = defineCommand({
  name: 'cache ls',
  operands: '[OPTIONS]',
  summary: 'List the caches of RUN --mount=type=cache',
  aliases: ['cache ls', 'cache list'],
  flags: flagTable({
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    'no-trunc': { kind: 'bool', help: 'Do not truncate the output' },
    quiet: { kind: 'bool', short: 'q', help: 'Only display keys' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const caches = await listCaches(await cli.client());
    const rows = caches.map((cache) => cacheRow(cache, !flags['no-trunc']));
    const table = flags.quiet ? '{{.Key}}' : TABLE;
    const format = flags.format === undefined || flags.format === 'table' ? table : flags.format;
    cli.out(formatRows(rows, { format, headings: CACHE_HEADINGS, terminal: cli.stdout.isTTY }));
    return 0;
  },
});
