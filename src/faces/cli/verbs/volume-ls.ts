import type { VolumeInspect } from '#api';
import { flagTable, formatRows } from '#console';
import { defineCommand } from '../command.ts';
import { encodeFilters } from '../filters.ts';
import { VOLUME_HEADINGS, volumeRow } from '../volume-rows.ts';

interface Volumes {
  readonly Volumes: readonly VolumeInspect[] | null;
  readonly Warnings?: readonly string[] | null;
}

const chooseFormat = (format: string | undefined, quiet: boolean): string => {
  if (format !== undefined && format !== 'table') return format;
  return quiet ? '{{.Name}}' : 'table {{.Driver}}\t{{.Name}}';
};

export const command = defineCommand({
  name: 'volume ls',
  operands: '[OPTIONS]',
  summary: 'List volumes',
  aliases: ['volume ls', 'volume list'],
  flags: flagTable({
    filter: {
      kind: 'list',
      short: 'f',
      type: 'filter',
      help: 'Provide filter values (e.g. "dangling=true")',
    },
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    quiet: { kind: 'bool', short: 'q', help: 'Only display volume names' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const client = await cli.client();
    const query = { filters: encodeFilters(flags.filter) };
    const answer = await client.json<Volumes>({ method: 'GET', path: '/volumes', query });
    const rows = (answer.Volumes ?? [])
      .toSorted((a, b) => (a.Name < b.Name ? -1 : Number(a.Name > b.Name)))
      .map(volumeRow);
    const format = chooseFormat(flags.format, flags.quiet);
    cli.out(formatRows(rows, { format, headings: VOLUME_HEADINGS, terminal: cli.stdout.isTTY }));
    return 0;
  },
});
