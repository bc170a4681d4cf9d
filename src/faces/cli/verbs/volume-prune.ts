import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { confirm } from '../confirm.ts';
import { encodeFilters } from '../filters.ts';
import { printReclaimed, prune } from '../prune.ts';

export const command = defineCommand({
  name: 'volume prune',
  operands: '[OPTIONS]',
  summary: 'Remove unused local volumes',
  flags: flagTable({
    all: { kind: 'bool', short: 'a', help: 'Remove all unused volumes, not just anonymous ones' },
    filter: { kind: 'list', type: 'filter', help: 'Provide filter values (e.g. "until=<timestamp>")' },
    force: { kind: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const warning = flags.all
      ? 'This will remove all local volumes not used by at least one container.'
      : 'This will remove anonymous local volumes not used by at least one container.';
    if (!flags.force && !(await confirm(cli, `WARNING! ${warning}\nAre you sure you want to continue?`)))
      return 0;
    const bytes = await prune(cli, '/volumes/prune', {
      filters: encodeFilters(flags.filter, flags.all ? { all: ['true'] } : {}),
    });
    printReclaimed(cli, bytes);
    return 0;
  },
});
