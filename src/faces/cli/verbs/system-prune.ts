import type { PruneReport } from '#api';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { confirm } from '../confirm.ts';
import { cliErrors } from '../errors.ts';
import { encodeFilters, filterLists } from '../filters.ts';
import { ladeCall } from '../lade-call.ts';
import { estimateText, printFreed, printReclaimed, prune, removedSections } from '../prune.ts';

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

const CALL = { method: 'POST', path: '/lade/v1/system/prune' } as const;

export const command = defineCommand({
  name: 'system prune',
  operands: '[OPTIONS]',
  summary: 'Remove unused data',
  flags: flagTable({
    all: { kind: 'bool', short: 'a', help: 'Remove all unused images not just dangling ones' },
    filter: { kind: 'list', type: 'filter', help: 'Provide filter values (e.g. "label=<key>=<value>")' },
    'dry-run': { kind: 'bool', help: 'Only say what would be removed and how much that frees' },
    force: { kind: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
    purge: { kind: 'bool', help: 'Free the space of images at once, also of deleted ones: no undo' },
    volumes: { kind: 'bool', help: 'Prune anonymous volumes' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const client = await cli.client();
    const request = {
      all: flags.all,
      volumes: flags.volumes,
      purge: flags.purge,
      filters: filterLists(flags.filter),
    };
    const estimate = await ladeCall<PruneReport>(client, { ...CALL, body: { ...request, dryRun: true } });
    if (estimate !== undefined) {
      if (flags['dry-run']) {
        cli.out(estimateText(estimate));
        return 0;
      }
      const warning = `${estimateText(estimate)}\n${warningOf(flags.all, flags.volumes)}`;
      if (!flags.force && !(await confirm(cli, warning))) return 0;
      const report = await client.json<PruneReport>({ ...CALL, body: request, signal: cli.signal });
      cli.out(removedSections(report));
      printFreed(cli, report);
      return 0;
    }
    if (flags['dry-run'] || flags.purge)
      throw cliErrors.notByThisEngine({ option: flags['dry-run'] ? '--dry-run' : '--purge' });
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
