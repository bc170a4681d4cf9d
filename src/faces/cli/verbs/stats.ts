import type { ContainerSummary } from '#api';
import { flagTable, formatRows } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import type { Cli } from '../context.ts';
import { openReadings, type Readings } from '../stats-readings.ts';
import { STATS_HEADINGS, STATS_TABLE, statsRow } from '../stats-rows.ts';

const REDRAW_MS = 500;

const chooseNames = async (cli: Cli, args: readonly string[], all: boolean): Promise<readonly string[]> => {
  if (args.length > 0) return args;
  const client = await cli.client();
  const path = '/containers/json';
  const containers = await client.json<readonly ContainerSummary[]>({ method: 'GET', path, query: { all } });
  return containers.map((container) => container.Id);
};

const draw = (
  cli: Cli,
  readings: Readings,
  options: { readonly format: string; readonly truncate: boolean },
): string =>
  formatRows(
    readings.latest().map((reading) => statsRow(reading, options.truncate)),
    { format: options.format, headings: STATS_HEADINGS, terminal: cli.stdout.isTTY },
  );

const live = async (cli: Cli, readings: Readings, render: () => string): Promise<void> => {
  const clear = cli.stdout.isTTY ? '\u001B[H\u001B[J' : '';
  const timer = setInterval(() => cli.out(clear + render()), REDRAW_MS);
  try {
    await readings.done;
  } finally {
    clearInterval(timer);
  }
};

export const command = defineCommand({
  name: 'stats',
  operands: '[OPTIONS] [CONTAINER...]',
  summary: 'Display a live stream of container(s) resource usage statistics',
  aliases: ['container stats', 'stats'],
  flags: flagTable({
    all: { kind: 'bool', short: 'a', help: 'Show all containers (default shows just running)' },
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    'no-stream': { kind: 'bool', help: 'Disable streaming stats and only pull the first result' },
    'no-trunc': { kind: 'bool', help: 'Do not truncate output' },
  }),
  args: [0, NO_LIMIT],
  async run(cli, { flags, args }) {
    const names = await chooseNames(cli, args, flags.all);
    const stream = !flags['no-stream'];
    const readings = openReadings(await cli.client(), names, { stream, signal: cli.signal });
    const named = flags.format ?? 'table';
    const format = named === 'table' ? STATS_TABLE : named;
    const render = (): string => draw(cli, readings, { format, truncate: !flags['no-trunc'] });
    await readings.first;
    if (stream) await live(cli, readings, render);
    else cli.out(render());
    return 0;
  },
});
