import { flagTable, formatRows, visible } from '#console';
import { defineCommand } from '../command.ts';
import { containerPath } from '../paths.ts';

interface Change {
  readonly Path: string;
  readonly Kind: 0 | 1 | 2;
}

const LETTERS = ['C', 'A', 'D'] as const;

export const command = defineCommand({
  name: 'diff',
  operands: '[OPTIONS] CONTAINER',
  summary: "Inspect changes to files or directories on a container's filesystem",
  aliases: ['container diff', 'diff'],
  flags: flagTable({ format: { kind: 'string', help: 'Format output with a Go template', hidden: true } }),
  args: [1, 1],
  async run(cli, { flags, args: [container = ''] }) {
    const client = await cli.client();
    const path = containerPath(container, '/changes');
    const changes = (await client.json<readonly Change[] | null>({ method: 'GET', path })) ?? [];
    const rows = changes.map((change) => ({ Path: change.Path, Type: LETTERS[change.Kind] }));
    if (flags.format === undefined) {
      for (const row of rows) cli.out(`${row.Type} ${cli.stdout.isTTY ? visible(row.Path) : row.Path}\n`);
      return 0;
    }
    const format = flags.format === 'table' ? 'table {{.Type}}\t{{.Path}}' : flags.format;
    cli.out(
      formatRows(rows, {
        format,
        headings: { Type: 'CHANGE TYPE', Path: 'PATH' },
        terminal: cli.stdout.isTTY,
      }),
    );
    return 0;
  },
});
