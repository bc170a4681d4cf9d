import type { DiffLine, DiffTotals } from '#api';
import { flagTable, humanSize, shortId, visible, type FlagValues } from '#console';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';

export const IMAGE_DIFF_FLAGS = flagTable({
  format: { kind: 'string', help: "Format output: 'json', or lines for people unless given" },
  path: { kind: 'list', type: 'path', help: 'Only files at or below this path; may be given several times' },
  platform: { kind: 'string', help: 'Compare the images of this platform' },
  times: { kind: 'bool', help: 'Show files that differ in nothing but the time of modification, too' },
});

export interface ImageDiffOptions extends FlagValues<typeof IMAGE_DIFF_FLAGS> {
  readonly before: string;
  readonly after: string;
}

type Images = Extract<DiffLine, { readonly kind: 'images' }>;
type Differing = Extract<DiffLine, { readonly kind: 'files' }>['files'][number];

/** Text of a name or a value that cannot steer a terminal. */
type Show = (text: string) => string;

const nameOf = ({ id, tags: [tag] }: Images['before']): string => tag ?? shortId(id);

const bytesOf = (layers: readonly { readonly size: number }[]): string =>
  humanSize(layers.reduce((sum, { size }) => sum + size, 0));

const valueOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

const configLine = ({ field, before, after }: Images['config'][number], show: Show): string => {
  if (before === undefined) return `+ ${field} ${valueOf(after)}`;
  if (after === undefined) return `- ${field} ${valueOf(before)}`;
  return `~ ${field} ${show(valueOf(before))} → ${show(valueOf(after))}`;
};

const headOf = ({ before, after, config, layers }: Images, show: Show): string => {
  const { common, removed, added } = layers;
  const lines = [
    `Image:   ${nameOf(before)} (${shortId(before.id)}) → ${nameOf(after)} (${shortId(after.id)})`,
    `Size:    ${humanSize(before.size)} → ${humanSize(after.size)}`,
    `Layers:  ${common} common, ${removed.length} removed (${bytesOf(removed)}), ${added.length} added (${bytesOf(added)})`,
    ...(config.length === 0 ? [] : ['', 'Configuration:']),
    ...config.map((difference) => show(configLine(difference, show))),
  ];
  return `${lines.join('\n')}\n`;
};

const sizeOf = (entry: NonNullable<Differing['before']>): string =>
  entry.kind === 'file' ? humanSize(entry.size) : entry.kind;

const fileLine = ({ path, before, after, aspects }: Differing, show: Show): string => {
  if (before === undefined) return `A ${show(path)} ${after === undefined ? '' : sizeOf(after)}\n`;
  if (after === undefined) return `D ${show(path)} ${sizeOf(before)}\n`;
  const [was, is] = [sizeOf(before), sizeOf(after)];
  return `C ${show(path)} ${was === is ? was : `${was} → ${is}`} (${aspects.join(', ')})\n`;
};

const totalsLine = ({ added, removed, changed }: DiffTotals): string =>
  `\nAdded ${added.count} (${humanSize(added.bytes)}), removed ${removed.count} (${humanSize(removed.bytes)}), ` +
  `changed ${changed.count} (${humanSize(changed.bytesBefore)} → ${humanSize(changed.bytesAfter)})\n`;

/** Writes lines as they come. */
const textWriter = (cli: Cli): ((line: DiffLine) => void) => {
  const show: Show = (text) => (cli.stdout.isTTY ? visible(text) : text);
  let files = 0;
  return (line) => {
    if (line.kind === 'images') cli.out(headOf(line, show));
    else if (line.kind === 'totals') cli.out(totalsLine(line.totals));
    else {
      if (files === 0) cli.out('\nFiles:\n');
      files += line.files.length;
      cli.out(line.files.map((file) => fileLine(file, show)).join(''));
    }
  };
};

/** One JSON object, written as its parts come. */
const jsonWriter = (cli: Cli): ((line: DiffLine) => void) => {
  let files = 0;
  return (line) => {
    if (line.kind === 'images') {
      const { kind: _, ...head } = line;
      cli.out(`${JSON.stringify(head).slice(0, -1)},"files":[`);
    } else if (line.kind === 'totals') cli.out(`],"totals":${JSON.stringify(line.totals)}}\n`);
    else {
      const parts = line.files.map((file) => JSON.stringify(file)).join(',');
      cli.out(files === 0 ? parts : `,${parts}`);
      files += line.files.length;
    }
  };
};

/** `image diff`: prints what differs while the daemon finds it. */
export const showImageDiff = async (cli: Cli, options: ImageDiffOptions): Promise<number> => {
  const { before, after, format, path, platform, times } = options;
  if (format !== undefined && format !== 'json')
    throw cliErrors.argumentInvalid({
      problem: `image diff cannot be formatted by ${format}`,
      advice: 'use --format json, and a JSON tool for the rest',
    });
  const client = await cli.client();
  const write = format === 'json' ? jsonWriter(cli) : textWriter(cli);
  const query = { before, after, path, platform, times };
  for await (const line of client.lines<DiffLine>({ method: 'GET', path: '/lade/v1/images/diff', query }))
    write(line);
  return 0;
};
