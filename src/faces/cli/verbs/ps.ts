import type { ContainerSummary } from '#api';
import { readDockerConfig } from '#client';
import { flagTable, formatRows } from '#console';
import { defineCommand } from '../command.ts';
import { CONTAINER_HEADINGS, CONTAINER_TABLE, containerRow } from '../container-rows.ts';
import { encodeFilters } from '../filters.ts';

const flags = flagTable({
  all: { kind: 'bool', short: 'a', help: 'Show all containers (default shows just running)' },
  filter: { kind: 'list', short: 'f', type: 'filter', help: 'Filter output based on conditions provided' },
  format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
  last: {
    kind: 'int',
    short: 'n',
    help: 'Show n last created containers (includes all states)',
    shownDefault: '-1',
  },
  latest: { kind: 'bool', short: 'l', help: 'Show the latest created container (includes all states)' },
  'no-trunc': { kind: 'bool', help: "Don't truncate output" },
  quiet: { kind: 'bool', short: 'q', help: 'Only display container IDs' },
  size: { kind: 'bool', short: 's', help: 'Display total file sizes' },
});

const chooseFormat = (
  named: string | undefined,
  options: { readonly quiet: boolean; readonly size: boolean; readonly standard: () => string | undefined },
): string => {
  if (options.quiet) return '{{.ID}}';
  const format = named ?? options.standard() ?? 'table';
  return format === 'table' ? CONTAINER_TABLE + (options.size ? '\t{{.Size}}' : '') : format;
};

/** The daemon measures sizes only where the format shows them. */
const showsSize = (format: string): boolean => /\.Size\b/.test(format);

export const command = defineCommand({
  name: 'ps',
  operands: '[OPTIONS]',
  summary: 'List containers',
  aliases: ['container ls', 'container list', 'container ps', 'ps'],
  flags,
  args: [0, 0],
  async run(cli, { flags }) {
    const client = await cli.client();
    const format = chooseFormat(flags.format, {
      quiet: flags.quiet,
      size: flags.size,
      standard: () => readDockerConfig(cli.configFolder).psFormat,
    });
    const limit = flags.latest ? 1 : flags.last;
    const containers = await client.json<readonly ContainerSummary[]>({
      method: 'GET',
      path: '/containers/json',
      query: {
        all: flags.all || (limit ?? 0) > 0,
        limit: limit !== undefined && limit > 0 ? limit : undefined,
        size: flags.size || showsSize(format),
        filters: encodeFilters(flags.filter),
      },
    });
    const rows = containers.map((container) => containerRow(container, !flags['no-trunc']));
    cli.out(formatRows(rows, { format, headings: CONTAINER_HEADINGS, terminal: cli.stdout.isTTY }));
    return 0;
  },
});
