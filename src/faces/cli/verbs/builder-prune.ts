import { flagTable, humanSize } from '#console';
import { defineCommand } from '../command.ts';
import { confirm } from '../confirm.ts';
import { encodeFilters } from '../filters.ts';
import { prune } from '../prune.ts';

export const command = defineCommand({
  name: 'builder prune',
  operands: '[OPTIONS]',
  summary: 'Remove build cache',
  flags: flagTable({
    all: { kind: 'bool', short: 'a', help: 'Remove all unused build cache, not just dangling ones' },
    filter: { kind: 'list', type: 'filter', help: 'Provide filter values (e.g. "until=24h")' },
    force: { kind: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
    'keep-storage': { kind: 'bytes', help: 'Amount of disk space to keep for cache' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const what = flags.all ? 'all build cache' : 'all dangling build cache';
    const question = `WARNING! This will remove ${what}. Are you sure you want to continue?`;
    if (!flags.force && !(await confirm(cli, question))) return 0;
    const bytes = await prune(cli, '/build/prune', {
      all: flags.all ? '1' : undefined,
      'keep-storage': flags['keep-storage'] === undefined ? undefined : String(flags['keep-storage']),
      filters: encodeFilters(flags.filter),
    });
    cli.out(`Total:\t${humanSize(bytes)}\n`);
    return 0;
  },
});
