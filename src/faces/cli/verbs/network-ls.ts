import type { NetworkAnswer } from '#api';
import { flagTable, formatRows, goTimeOf, shortId, type Row } from '#console';
import { defineCommand } from '../command.ts';
import { encodeFilters } from '../filters.ts';
import { joinLabels } from '../text-lists.ts';

const HEADINGS = {
  ID: 'NETWORK ID',
  Name: 'NAME',
  Driver: 'DRIVER',
  Scope: 'SCOPE',
  IPv4: 'IPV4',
  IPv6: 'IPV6',
  Internal: 'INTERNAL',
  Labels: 'LABELS',
  CreatedAt: 'CREATED AT',
};

const toRow = (network: NetworkAnswer, truncate: boolean): Row => ({
  CreatedAt: goTimeOf(network.Created),
  Driver: network.Driver,
  ID: truncate ? shortId(network.Id) : network.Id,
  IPv4: String(network.EnableIPv4),
  IPv6: String(network.EnableIPv6),
  Internal: String(network.Internal),
  Label: (name: unknown) => network.Labels[String(name)] ?? '',
  Labels: joinLabels(network.Labels),
  Name: network.Name,
  Scope: network.Scope,
});

const chooseFormat = (format: string | undefined, quiet: boolean): string => {
  if (format !== undefined && format !== 'table') return format;
  return quiet ? '{{.ID}}' : 'table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}';
};

export const command = defineCommand({
  name: 'network ls',
  operands: '[OPTIONS]',
  summary: 'List networks',
  aliases: ['network ls', 'network list'],
  flags: flagTable({
    filter: {
      kind: 'list',
      short: 'f',
      type: 'filter',
      help: 'Provide filter values (e.g. "driver=bridge")',
    },
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    'no-trunc': { kind: 'bool', help: 'Do not truncate the output' },
    quiet: { kind: 'bool', short: 'q', help: 'Only display network IDs' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const client = await cli.client();
    const query = { filters: encodeFilters(flags.filter) };
    const networks = await client.json<readonly NetworkAnswer[]>({ method: 'GET', path: '/networks', query });
    const rows = networks
      .toSorted((a, b) => (a.Name < b.Name ? -1 : Number(a.Name > b.Name)))
      .map((network) => toRow(network, !flags['no-trunc']));
    const format = chooseFormat(flags.format, flags.quiet);
    cli.out(formatRows(rows, { format, headings: HEADINGS, terminal: cli.stdout.isTTY }));
    return 0;
  },
});
