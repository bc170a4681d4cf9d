import { flagTable, formatRows, visible } from '#console';
import { defineCommand } from '../command.ts';
import { IMAGE_DIFF_FLAGS, showImageDiff } from '../image-diff.ts';
import { containerPath } from '../paths.ts';

interface Change {
  readonly Path: string;
  readonly Kind: 0 | 1 | 2;
}

const LETTERS = ['C', 'A', 'D'] as const;

const flags = flagTable({
  ...IMAGE_DIFF_FLAGS,
  format: { kind: 'string', help: "Format output: a Go template, or 'json' for two images", hidden: true },
});

/** Of a container, as docker does it; of two images, as `image diff`. */
export const command = defineCommand({
  name: 'diff',
  operands: '[OPTIONS] CONTAINER | IMAGE IMAGE',
  summary: "Inspect changes to files or directories on a container's filesystem, or compare two images",
  aliases: ['container diff', 'diff'],
  flags,
  args: [1, 2],
  async run(cli, { flags, args: [container = '', image] }) {
    if (image !== undefined) return await showImageDiff(cli, { ...flags, before: container, after: image });
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
