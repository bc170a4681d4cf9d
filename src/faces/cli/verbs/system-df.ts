import type { DiskUsageAnswer } from '#api';
import { compileTemplate, flagTable, formatRows } from '#console';
import { defineCommand } from '../command.ts';
import { summaryRows, SUMMARY_HEADINGS, SUMMARY_TABLE } from '../disk-usage.ts';
import { detailRows, detailTables } from '../disk-usage-details.ts';

export const command = defineCommand({
  name: 'system df',
  operands: '[OPTIONS]',
  summary: 'Show disk usage',
  flags: flagTable({
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    verbose: { kind: 'bool', short: 'v', help: 'Show detailed information on space usage' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const client = await cli.client();
    const usage = await client.json<DiskUsageAnswer>({ method: 'GET', path: '/system/df' });
    const format = flags.format ?? 'table';
    const terminal = cli.stdout.isTTY;
    if (flags.verbose) {
      const source = format === 'json' ? '{{json .}}' : format;
      cli.out(
        format === 'table' ? detailTables(usage, terminal) : compileTemplate(source)(detailRows(usage)),
      );
      return 0;
    }
    cli.out(
      formatRows(summaryRows(usage), {
        format: format === 'table' ? SUMMARY_TABLE : format,
        headings: SUMMARY_HEADINGS,
        terminal,
      }),
    );
    return 0;
  },
});
