import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { confirm } from '../confirm.ts';
import { encodeFilters } from '../filters.ts';
import { printReclaimed, prune } from '../prune.ts';

const warningOf = (all: boolean, volumes: boolean): string =>
  [
    'WARNING! This will remove:',
    '  - all stopped containers',
    '  - all networks not used by at least one container',
    ...(volumes ? ['  - all anonymous volumes not used by at least one container'] : []),
    all ? '  - all images without at least one container associated to them' : '  - all dangling images',
    all ? '  - all build cache' : '  - unused build cache',
    '',
    'Are you sure you want to continue?',
  ].join('\n');

export const command = defineCommand({
  name: 'system prune',
  operands: '[OPTIONS]',
  summary: 'Remove unused data',
  flags: flagTable({
    all: { kind: 'bool', short: 'a', help: 'Remove all unused images not just dangling ones' },
    filter: { kind: 'list', type: 'filter', help: 'Provide filter values (e.g. "label=<key>=<value>")' },
    force: { kind: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
    volumes: { kind: 'bool', help: 'Prune anonymous volumes' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    if (!flags.force && !(await confirm(cli, warningOf(flags.all, flags.volumes)))) return 0;
    const filters = encodeFilters(flags.filter);
    let bytes = await prune(cli, '/containers/prune', { filters });
    await prune(cli, '/networks/prune', { filters });
    if (flags.volumes) bytes += await prune(cli, '/volumes/prune', { filters });
    const dangling = [flags.all ? 'false' : 'true'];
    bytes += await prune(cli, '/images/prune', { filters: encodeFilters(flags.filter, { dangling }) });
    bytes += await prune(cli, '/build/prune', { all: flags.all ? '1' : undefined, filters });
    printReclaimed(cli, bytes);
    return 0;
  },
});
