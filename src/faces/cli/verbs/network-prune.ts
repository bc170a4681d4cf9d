import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { confirm } from '../confirm.ts';
import { encodeFilters } from '../filters.ts';
import { prune } from '../prune.ts';

export const command = defineCommand({
  name: 'network prune',
  operands: '[OPTIONS]',
  summary: 'Remove all unused networks',
  flags: flagTable({
    filter: { kind: 'list', type: 'filter', help: 'Provide filter values (e.g. "until=<timestamp>")' },
    force: { kind: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const warning = 'This will remove all custom networks not used by at least one container.';
    if (!flags.force && !(await confirm(cli, `WARNING! ${warning}\nAre you sure you want to continue?`)))
      return 0;
    await prune(cli, '/networks/prune', { filters: encodeFilters(flags.filter) });

    return 0;
  },
});
