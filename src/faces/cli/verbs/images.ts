import type { ImageSummaryAnswer } from '#api';
import { readDockerConfig } from '#client';
import { flagTable, formatRows } from '#console';
import { defineCommand } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { encodeFilters } from '../filters.ts';
import { imageTree } from '../image-tree.ts';
import { IMAGE_DIGEST_TABLE, IMAGE_HEADINGS, IMAGE_TABLE, imageRow, namesOf } from '../image-rows.ts';

const flags = flagTable({
  all: { kind: 'bool', short: 'a', help: 'Show all images (default hides intermediate images)' },
  digests: { kind: 'bool', help: 'Show digests' },
  filter: { kind: 'list', short: 'f', type: 'filter', help: 'Filter output based on conditions provided' },
  format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
  'no-trunc': { kind: 'bool', help: "Don't truncate output" },
  quiet: { kind: 'bool', short: 'q', help: 'Only show image IDs' },
  tree: { kind: 'bool', help: 'Show platforms, shared and unique sizes of each image' },
});

const chooseFormat = (
  named: string | undefined,
  options: {
    readonly quiet: boolean;
    readonly digests: boolean;
    readonly standard: () => string | undefined;
  },
): string => {
  const format = named ?? (options.quiet ? 'table' : (options.standard() ?? 'table'));
  if (format !== 'table') return format;
  if (options.quiet) return '{{.ID}}';
  return options.digests ? IMAGE_DIGEST_TABLE : IMAGE_TABLE;
};

/** Flags that say how lines look, which a tree has not. */
const NOT_WITH_TREE = ['quiet', 'digests', 'format'] as const;

const checkTree = (given: ReadonlySet<string>): void => {
  const other = NOT_WITH_TREE.find((name) => given.has(name));
  if (other === undefined) return;
  throw cliErrors.optionsConflict({
    problem: `--${other} is not yet supported with --tree`,
    command: 'lade images',
  });
};

/** Fields that the daemon counts only where they are asked for. */
const countsSharing = (format: string): boolean =>
  ['SharedSize', 'UniqueSize'].some((word) => format.includes(word));

export const command = defineCommand({
  name: 'images',
  operands: '[OPTIONS] [REPOSITORY[:TAG]]',
  summary: 'List images',
  aliases: ['image ls', 'image list', 'images'],
  flags,
  args: [0, 1],
  async run(cli, { flags, given, args }) {
    if (flags.tree) checkTree(given);
    const client = await cli.client();
    const [reference] = args;
    const format = chooseFormat(flags.format, {
      quiet: flags.quiet,
      digests: flags.digests,
      standard: () => readDockerConfig(cli.configFolder).imagesFormat,
    });
    const images = await client.json<readonly ImageSummaryAnswer[]>({
      method: 'GET',
      path: '/images/json',
      query: {
        all: flags.all,
        'shared-size': flags.tree || countsSharing(format) ? true : undefined,
        manifests: flags.tree ? true : undefined,
        filters: encodeFilters(flags.filter, reference === undefined ? {} : { reference: [reference] }),
      },
    });
    const truncate = !flags['no-trunc'];
    if (flags.tree) {
      cli.out(imageTree(images, { truncate, terminal: cli.stdout.isTTY }));
      return 0;
    }
    const digests = flags.digests || format.includes('{{.Digest}}');
    const rows = images.flatMap((image) =>
      namesOf(image, { digests, everyDigest: flags.digests }).map((name) => imageRow(image, name, truncate)),
    );
    cli.out(formatRows(rows, { format, headings: IMAGE_HEADINGS, terminal: cli.stdout.isTTY }));
    return 0;
  },
});
