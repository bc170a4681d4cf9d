import type { DiskUsageAnswer, SpaceAnswer } from '#api';
import type { DockerClient } from '#client';
import { compileTemplate, flagTable, formatRows } from '#console';
import { defineCommand } from '../command.ts';
import { summaryRows, SUMMARY_HEADINGS, SUMMARY_TABLE } from '../disk-usage.ts';
import { detailRows, detailTables } from '../disk-usage-details.ts';
import { ladeCall } from '../lade-call.ts';
import { accountTable, imageSpaceTable, keptLines } from '../space-account.ts';

/** What Lade says beyond Docker. */
const spaceOf = (client: DockerClient, verbose: boolean): Promise<SpaceAnswer | undefined> =>
  ladeCall(client, { method: 'GET', path: '/lade/v1/system/df', query: { verbose } });

export const command = defineCommand({
  name: 'system df',
  operands: '[OPTIONS]',
  summary: 'Show disk usage',
  flags: flagTable({
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    verbose: { kind: 'bool', short: 'v', help: 'Show what each byte is held by' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const client = await cli.client();
    const usage = await client.json<DiskUsageAnswer>({ method: 'GET', path: '/system/df' });
    const format = flags.format ?? 'table';
    const terminal = cli.stdout.isTTY;
    const space = format === 'table' ? await spaceOf(client, flags.verbose) : undefined;
    if (flags.verbose) {
      const source = format === 'json' ? '{{json .}}' : format;
      cli.out(
        format === 'table' ? detailTables(usage, terminal) : compileTemplate(source)(detailRows(usage)),
      );
      if (space?.account === undefined) return 0;
      cli.out(`\nSpace on disk by image:\n\n${imageSpaceTable(space.account, terminal)}`);
      cli.out(`\nWhat holds each byte of the root:\n\n${accountTable(space.account, terminal)}`);
      cli.out(keptLines(space));
      return 0;
    }
    cli.out(
      formatRows(summaryRows(usage), {
        format: format === 'table' ? SUMMARY_TABLE : format,
        headings: SUMMARY_HEADINGS,
        terminal,
      }),
    );
    if (space !== undefined) cli.out(keptLines(space));
    return 0;
  },
});
