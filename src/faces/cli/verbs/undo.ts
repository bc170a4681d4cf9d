import type { UndoEntry, Undone } from '#api';
import { flagTable, formatRows, humanSize, shortId, visible } from '#console';
import { humanDuration } from '#units';
import { defineCommand } from '../command.ts';
import type { Cli } from '../context.ts';

const HEADINGS = {
  ID: 'UNDO ID',
  Cause: 'COMMAND',
  When: 'WHEN',
  Left: 'KEPT FOR',
  Size: 'SIZE',
  Names: 'NAMES',
};
const TABLE = 'table {{.ID}}\t{{.Cause}}\t{{.When}}\t{{.Left}}\t{{.Size}}\t{{.Names}}';

const rowOf = (entry: UndoEntry) => ({
  ID: entry.id,
  Cause: visible(entry.cause),
  When: `${humanDuration(Math.max(0, Date.now() - entry.createdAt))} ago`,
  Left: humanDuration(Math.max(0, entry.expiresAt - Date.now())),
  Size: humanSize(entry.bytes, 3),
  Names: visible((entry.names.length > 0 ? entry.names : entry.images.map((id) => shortId(id))).join(', ')),
});

const list = async (cli: Cli, format: string): Promise<void> => {
  const client = await cli.client();
  const entries = await client.json<readonly UndoEntry[]>({ method: 'GET', path: '/lade/v1/undo' });
  cli.out(
    formatRows(entries.map(rowOf), {
      format: format === 'table' ? TABLE : format,
      headings: HEADINGS,
      terminal: cli.stdout.isTTY,
    }),
  );
};

const tell = (cli: Cli, undone: Undone): void => {
  for (const id of undone.images) cli.out(`Restored: ${id}\n`);
  for (const name of undone.names) cli.out(`Tagged: ${visible(name)}\n`);
  for (const { name, image, by } of undone.taken)
    cli.note(
      `${visible(name)} means ${shortId(by)} now and was left there; to take it back: lade tag ${shortId(image)} ${visible(name)}`,
    );
  for (const name of undone.lost)
    cli.note(`${visible(name)} was not brought back: its image was deleted later (see lade undo ls)`);
  for (const id of undone.incomplete)
    cli.note(`${shortId(id)} is not whole, content of it was lost meanwhile: run lade system check --repair`);
};

export const command = defineCommand({
  name: 'undo',
  operands: '[OPTIONS] [ls | ID | IMAGE]',
  summary: 'Bring back deleted images: those of the last deletion, of the one with this ID, or this image',
  flags: flagTable({
    format: {
      kind: 'string',
      help: "Format of `undo ls`: 'table', 'table TEMPLATE', 'json' or a Go template",
    },
  }),
  args: [0, 1],
  async run(cli, { flags, args: [what] }) {
    if (what === 'ls' || what === 'list') {
      await list(cli, flags.format ?? 'table');
      return 0;
    }
    const client = await cli.client();
    tell(cli, await client.json<Undone>({ method: 'POST', path: '/lade/v1/undo', query: { what } }));
    return 0;
  },
});
