import { flagTable, humanSize } from '#console';
import { defineCommand } from '../command.ts';
import { confirm } from '../confirm.ts';
import { encodeFilters } from '../filters.ts';
import { prune } from '../prune.ts';

const numberText = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : String(value);

export const command = defineCommand({
  name: 'builder prune',
  operands: '[OPTIONS]',
  summary: 'Remove build cache',
  flags: flagTable({
    all: { kind: 'bool', short: 'a', help: 'Remove all unused build cache, not just dangling ones' },
    filter: {
      kind: 'list',
      type: 'filter',
      help: 'Provide filter values: until=, id=, type=, description=, inuse=, shared=, private=',
    },
    force: { kind: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
    'keep-storage': { kind: 'bytes', help: 'The same as --reserved-space', hidden: true },
    'max-used-space': { kind: 'bytes', help: 'Remove until the cache takes no more than this' },
    'min-free-space': { kind: 'bytes', help: 'Remove until the file system has so much free space' },
    'reserved-space': { kind: 'bytes', help: 'Amount of disk space always allowed to keep for cache' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const what = flags.all ? 'all build cache' : 'all dangling build cache';
    const question = `WARNING! This will remove ${what}. Are you sure you want to continue?`;
    if (!flags.force && !(await confirm(cli, question))) return 0;
    const bytes = await prune(cli, '/build/prune', {
      all: flags.all ? '1' : undefined,
      'keep-storage': numberText(flags['reserved-space'] ?? flags['keep-storage']),
      'reserved-space': numberText(flags['reserved-space']),
      'max-used-space': numberText(flags['max-used-space']),
      'min-free-space': numberText(flags['min-free-space']),
      filters: encodeFilters(flags.filter),
    });
    cli.out(`Total:\t${humanSize(bytes)}\n`);
    return 0;
  },
});
