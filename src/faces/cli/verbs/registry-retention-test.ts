import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { itemLine, type PlanLine } from '../registry-keeping.ts';
import { countsText, registryLines } from '../registry-lines.ts';

export const command = defineCommand({
  name: 'registry retention test',
  operands: '[OPTIONS] [REPOSITORY]',
  summary: 'Say of every tag and manifest under a rule whether it stays, and why; remove nothing',
  flags: flagTable({ ...registryFlags, json: { kind: 'bool', help: 'One JSON object a line' } }),
  args: [0, 1],
  async run(cli, { flags, args: [repository] }) {
    const registry = await registryCalls(cli, flags);
    const request = { method: 'GET', path: '/retention/plan', query: { repository } } as const;
    for await (const line of registryLines<PlanLine>(cli, registry, request)) {
      if (flags.json) cli.out(`${JSON.stringify(line)}\n`);
      else if (line.goes !== undefined) cli.out(`goes\t${itemLine(line.goes)}\n`);
      else if (line.stays !== undefined) cli.out(`stays\t${itemLine(line.stays)}\n`);
      else if (line.plan !== undefined) {
        const { tags, manifests, bytes } = line.plan.totals;
        cli.out(`${countsText({ tags, manifests, bytes })} would go\n`);
      }
    }
    return 0;
  },
});
