import { binarySize, flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { itemLine, type PlanLine } from '../registry-keeping.ts';
import { countsText, registryLines } from '../registry-lines.ts';

export const command = defineCommand({
  name: 'registry gc plan',
  operands: '[OPTIONS]',
  summary: 'List what a garbage collection would remove now, and why; remove nothing',
  flags: flagTable({
    ...registryFlags,
    json: { kind: 'bool', help: 'One JSON object a line' },
    quiet: { kind: 'bool', short: 'q', help: 'Only the totals' },
    repository: { kind: 'string', help: 'Only this repository' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const request = { method: 'GET', path: '/gc/plan', query: { repository: flags.repository } } as const;
    for await (const line of registryLines<PlanLine>(cli, registry, request)) {
      if (flags.json) cli.out(`${JSON.stringify(line)}\n`);
      else if (line.goes !== undefined && !flags.quiet) cli.out(`${itemLine(line.goes)}\n`);
      else if (line.plan !== undefined) {
        const { id, totals } = line.plan;
        const { tags, manifests, blobs, bytes } = totals;
        cli.out(`plan ${id}: ${countsText({ tags, manifests, blobs, bytes })} would go\n`);
        cli.out(`${binarySize(totals.freed)} of the disk would be free once undo is over\n`);
        if (totals.protectedBlobs > 0)
          cli.out(
            `${totals.protectedBlobs} blobs (${binarySize(totals.protectedBytes)}) wait for uploads that may need them\n`,
          );
      }
    }
    return 0;
  },
});
