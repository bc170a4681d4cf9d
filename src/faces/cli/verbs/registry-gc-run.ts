import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import type { RunSummary } from '../registry-keeping.ts';
import { countsText, registryLines } from '../registry-lines.ts';

export const command = defineCommand({
  name: 'registry gc run',
  operands: '[OPTIONS]',
  summary: 'Remove what the rules drop and what nothing needs, while the registry serves',
  flags: flagTable({
    ...registryFlags,
    json: { kind: 'bool', help: 'One JSON object a line, progress too' },
    plan: { kind: 'string', help: 'Only what this plan listed; nothing at all when more would go by now' },
    repository: { kind: 'string', help: 'Only this repository' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const { plan, repository } = flags;
    const request = { method: 'POST', path: '/gc/runs', body: { plan, repository } } as const;
    for await (const line of registryLines<RunSummary>(cli, registry, request)) {
      if (flags.json) cli.out(`${JSON.stringify(line)}\n`);
      else if (line.result !== undefined) {
        const { removal, spared, ...counts } = line.result;
        cli.out(`removed ${countsText(counts)}\n`);
        if (spared > 0) cli.out(`spared ${spared}, which somebody needs by now\n`);
        if (removal !== undefined) cli.out(`undo with: lade registry gc undo ${removal}\n`);
      }
    }
    return 0;
  },
});
