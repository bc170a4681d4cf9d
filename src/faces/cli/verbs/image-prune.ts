import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { confirm } from '../confirm.ts';
import { encodeFilters } from '../filters.ts';
import { printReclaimed, prune } from '../prune.ts';

export const command = defineCommand({
  name: 'image prune',
  operands: '[OPTIONS]',
  summary: 'Remove unused images',
  flags: flagTable({
    all: { kind: 'bool', short: 'a', help: 'Remove all unused images, not just dangling ones' },
    filter: { kind: 'list', type: 'filter', help: 'Provide filter values (e.g. "until=<timestamp>")' },
    force: { kind: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const warning = flags.all
      ? 'This will remove all images without at least one container associated to them.'
      : 'This will remove all dangling images.';
    if (!flags.force && !(await confirm(cli, `WARNING! ${warning}\nAre you sure you want to continue?`)))
      return 0;
    const bytes = await prune(cli, '/images/prune', {
      filters: encodeFilters(flags.filter, { dangling: [flags.all ? 'false' : 'true'] }),
    });
    printReclaimed(cli, bytes);
    return 0;
  },
});
