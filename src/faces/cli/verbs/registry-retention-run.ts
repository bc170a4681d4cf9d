import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import type { RunSummary } from '../registry-keeping.ts';
import { countsText, registryLines } from '../registry-lines.ts';
import { command as test } from './registry-retention-test.ts';

export const command = defineCommand({
  name: 'registry retention run',
  operands: '[OPTIONS] [REPOSITORY]',
  summary: 'Remove the tags and manifests that the rules drop; their blobs go with the next collection',
  flags: flagTable({
    ...registryFlags,
    'dry-run': { kind: 'bool', help: 'Remove nothing; the same as retention test' },
    json: { kind: 'bool', help: 'One JSON object a line' },
  }),
  args: [0, 1],
  async run(cli, input) {
    const { flags, args } = input;
    if (flags['dry-run']) return test.run(cli, input);
    const registry = await registryCalls(cli, flags);
    const request = { method: 'POST', path: '/retention/runs', body: { repository: args[0] } } as const;
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
