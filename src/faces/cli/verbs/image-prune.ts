import type { ImagePruneAnswer } from '#api';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { confirm } from '../confirm.ts';
import { cliErrors } from '../errors.ts';
import { encodeFilters, filterLists } from '../filters.ts';
import { ladeCall } from '../lade-call.ts';
import { estimateText, printFreed, printReclaimed, prune, removedSections } from '../prune.ts';

const CALL = { method: 'POST', path: '/lade/v1/images/prune' } as const;

const NOTHING_ELSE = { containers: [], networks: [], volumes: [], cacheRecords: 0 };

const warningOf = (all: boolean, keepLast: number | undefined): string => {
  if (keepLast !== undefined)
    return `This will remove all dangling images, and all tags but the newest ${keepLast} of each repository.`;
  return all
    ? 'This will remove all images without at least one container associated to them.'
    : 'This will remove all dangling images.';
};

export const command = defineCommand({
  name: 'image prune',
  operands: '[OPTIONS]',
  summary: 'Remove unused images',
  flags: flagTable({
    all: { kind: 'bool', short: 'a', help: 'Remove all unused images, not just dangling ones' },
    'dry-run': { kind: 'bool', help: 'Only say what would be removed and how much that frees' },
    filter: { kind: 'list', type: 'filter', help: 'Provide filter values (e.g. "until=<timestamp>")' },
    force: { kind: 'bool', short: 'f', help: 'Do not prompt for confirmation' },
    'keep-last': { kind: 'int', help: 'Also remove tags beyond the newest so many of their repository' },
    purge: { kind: 'bool', help: 'Free the space at once, also of deleted images: no undo' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const client = await cli.client();
    const keepLast = flags['keep-last'];
    const dangling = [flags.all ? 'false' : 'true'];
    const request = { all: flags.all, keepLast, purge: flags.purge, filters: filterLists(flags.filter) };
    if (flags['dry-run']) {
      const outlook = await ladeCall<ImagePruneAnswer>(client, {
        ...CALL,
        body: { ...request, dryRun: true },
      });
      if (outlook === undefined) throw cliErrors.notByThisEngine({ option: '--dry-run' });
      cli.out(estimateText({ ...NOTHING_ELSE, ...outlook, images: outlook.names }));
      return 0;
    }
    const warning = `WARNING! ${warningOf(flags.all, keepLast)}\nAre you sure you want to continue?`;
    if (!flags.force && !(await confirm(cli, warning))) return 0;
    const report = await ladeCall<ImagePruneAnswer>(client, { ...CALL, body: request });
    if (report !== undefined) {
      cli.out(removedSections({ ...NOTHING_ELSE, ...report, images: [] }));
      printFreed(cli, report);
      return 0;
    }
    if (keepLast !== undefined || flags.purge)
      throw cliErrors.notByThisEngine({ option: flags.purge ? '--purge' : '--keep-last' });
    printReclaimed(
      cli,
      await prune(cli, '/images/prune', { filters: encodeFilters(flags.filter, { dangling }) }),
    );
    return 0;
  },
});
