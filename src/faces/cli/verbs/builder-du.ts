import type { BuildCacheAnswer } from '#api';
import { flagTable, formatRows, goTime, humanSize, type Row } from '#console';
import { humanDuration } from '#units';
import { defineCommand } from '../command.ts';
import { encodeFilters } from '../filters.ts';

const HEADINGS = {
  ID: 'ID',
  Type: 'TYPE',
  Description: 'DESCRIPTION',
  Reclaimable: 'RECLAIMABLE',
  Size: 'SIZE',
  LastUsedSince: 'LAST ACCESSED',
  LastUsedAt: 'LAST USED AT',
  CreatedAt: 'CREATED AT',
  InUse: 'IN USE',
  Shared: 'SHARED',
  UsageCount: 'USAGE',
};
const TABLE = 'table {{.ID}}\t{{.Type}}\t{{.Reclaimable}}\t{{.Size}}\t{{.LastUsedSince}}\t{{.Description}}';
const ID_LENGTH = 25;
const DESCRIPTION_LENGTH = 60;

const time = (text: string | null): string => (text === null ? '' : goTime(Date.parse(text) / 1000));
const since = (text: string | null): string =>
  text === null ? '' : `${humanDuration(Date.now() - Date.parse(text))} ago`;

const rowOf = (record: BuildCacheAnswer, truncate: boolean): Row => ({
  // A star says that images have it too, as docker buildx du does.
  ID: `${truncate ? record.ID.slice(0, ID_LENGTH) : record.ID}${record.Shared ? '*' : ''}`,
  Type: record.Type,
  Description: truncate ? record.Description.slice(0, DESCRIPTION_LENGTH) : record.Description,
  Reclaimable: String(!record.InUse),
  Size: humanSize(record.Size),
  LastUsedSince: since(record.LastUsedAt),
  LastUsedAt: time(record.LastUsedAt),
  CreatedAt: time(record.CreatedAt),
  InUse: String(record.InUse),
  Shared: String(record.Shared),
  UsageCount: String(record.UsageCount),
});

const sizeOf = (
  records: readonly BuildCacheAnswer[],
  wanted: (record: BuildCacheAnswer) => boolean,
): string => humanSize(records.filter(wanted).reduce((sum, { Size }) => sum + Size, 0));

/** Each byte is in one of the first two, and the total is both. */
const totals = (records: readonly BuildCacheAnswer[]): string =>
  [
    `Shared:\t\t${sizeOf(records, ({ Shared }) => Shared)}`,
    `Private:\t${sizeOf(records, ({ Shared }) => !Shared)}`,
    `Reclaimable:\t${sizeOf(records, ({ InUse, Shared }) => !InUse && !Shared)}`,
    `Total:\t\t${sizeOf(records, () => true)}`,
    '',
  ].join('\n');

const block = (record: BuildCacheAnswer): string =>
  [
    `ID:\t\t${record.ID}`,
    `Created at:\t${time(record.CreatedAt)}`,
    `Mutable:\t${record.Type === 'exec.cachemount'}`,
    `Reclaimable:\t${!record.InUse}`,
    `Shared:\t\t${record.Shared}`,
    `Size:\t\t${humanSize(record.Size)}`,
    `Description:\t${record.Description}`,
    `Usage count:\t${record.UsageCount}`,
    `Last used:\t${since(record.LastUsedAt)}`,
    `Type:\t\t${record.Type}`,
    '',
    '',
  ].join('\n');

export const command = defineCommand({
  name: 'builder du',
  operands: '[OPTIONS]',
  summary: 'Show what builds keep on disk',
  flags: flagTable({
    filter: {
      kind: 'list',
      type: 'filter',
      help: 'Provide filter values: until=, id=, type=, description=, inuse=, shared=, private=',
    },
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    'no-trunc': { kind: 'bool', help: 'Do not truncate the output' },
    verbose: { kind: 'bool', short: 'v', help: 'Show all that is known of each record' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const client = await cli.client();
    const query = { filters: encodeFilters(flags.filter) };
    const path = '/lade/v1/build-cache';
    const records = await client.json<readonly BuildCacheAnswer[]>({ method: 'GET', path, query });
    const plain = flags.format === undefined || flags.format === 'table';
    if (flags.verbose && plain) cli.out(records.map(block).join(''));
    else {
      const rows = records.map((record) => rowOf(record, !flags['no-trunc']));
      const format = plain ? TABLE : (flags.format ?? TABLE);
      cli.out(formatRows(rows, { format, headings: HEADINGS, terminal: cli.stdout.isTTY }));
    }
    if (plain) cli.out(totals(records));
    return 0;
  },
});
