import type { HistoryAnswer } from '#api';
import { ellipsis, flagTable, formatRows, humanSize, localRfc3339, shortId, type Row } from '#console';
import { humanDuration } from '#units';
import { defineCommand } from '../command.ts';
import { imagePath } from '../paths.ts';

const flags = flagTable({
  format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
  human: { kind: 'bool', short: 'H', on: true, help: 'Print sizes and dates in human readable format' },
  'no-trunc': { kind: 'bool', help: "Don't truncate output" },
  platform: { kind: 'string', help: 'Show history for the given platform' },
  quiet: { kind: 'bool', short: 'q', help: 'Only show image IDs' },
});

const HEADINGS = {
  ID: 'IMAGE',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  CreatedBy: 'CREATED BY',
  Size: 'SIZE',
  Comment: 'COMMENT',
};

/** Dates before this one are placeholders of reproducible builds. */
const EPOCH = Date.UTC(2000, 0, 1) / 1000;

const sinceOf = (created: number, human: boolean): string => {
  if (!human) return localRfc3339(created);
  return created <= EPOCH ? 'N/A' : `${humanDuration(Date.now() - created * 1000)} ago`;
};

const toRow = (
  item: HistoryAnswer,
  options: { readonly human: boolean; readonly truncate: boolean },
): Row => {
  const createdBy = item.CreatedBy.replaceAll('\t', ' ');
  return {
    Comment: item.Comment,
    CreatedAt: localRfc3339(item.Created),
    CreatedBy: options.truncate ? ellipsis(createdBy, 45) : createdBy,
    CreatedSince: sinceOf(item.Created, options.human),
    ID: options.truncate ? shortId(item.Id) : item.Id,
    Size: options.human ? humanSize(item.Size, 3) : String(item.Size),
  };
};

const table = (quiet: boolean, human: boolean): string => {
  if (quiet) return '{{.ID}}';
  return `table {{.ID}}\t{{.${human ? 'CreatedSince' : 'CreatedAt'}}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`;
};

export const command = defineCommand({
  name: 'history',
  operands: '[OPTIONS] IMAGE',
  summary: 'Show the history of an image',
  aliases: ['image history', 'history'],
  flags,
  args: [1, 1],
  async run(cli, { flags, args: [image = ''] }) {
    const client = await cli.client();
    const history = await client.json<readonly HistoryAnswer[]>({
      method: 'GET',
      path: imagePath(image, '/history'),
      query: { platform: flags.platform },
    });
    const rows = history.map((item) => toRow(item, { human: flags.human, truncate: !flags['no-trunc'] }));
    const named = flags.format ?? 'table';
    const format = named === 'table' ? table(flags.quiet, flags.human) : named;
    cli.out(formatRows(rows, { format, headings: HEADINGS, terminal: cli.stdout.isTTY }));
    return 0;
  },
});
