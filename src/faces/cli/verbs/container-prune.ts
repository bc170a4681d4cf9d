import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { confirm } from '../confirm.ts';
import { encodeFilters } from '../filters.ts';
import { printReclaimed, prune } from '../prune.ts';

export const command = defineCommand({
  name: 'container prune',
  operands: '[OPTIONS]',
  summary: 'Remove all stopped containers',
  flags: flagTable({
    filter: { kind: 'list', type: 'filter', help: 'Provide filter values (e.g. "until=<timestamp>")' },
    force: { kind: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const warning = 'This will remove all stopped containers.';
    if (!flags.force && !(await confirm(cli, `WARNING! ${warning}\nAre you sure you want to continue?`)))
      return 0;
    const bytes = await prune(cli, '/containers/prune', { filters: encodeFilters(flags.filter) });
    printReclaimed(cli, bytes);
    return 0;
  },
});
