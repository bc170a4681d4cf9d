import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { countsText, registryLines, type Progress } from '../registry-lines.ts';

export const command = defineCommand({
  name: 'registry gc purge',
  operands: '[OPTIONS]',
  summary: 'Free the space of what can no longer be undone, of what crashes left, and of idle uploads',
  flags: flagTable({
    ...registryFlags,
    all: { kind: 'bool', short: 'a', help: 'Also what could still be undone' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const request = { method: 'POST', path: '/gc/purge', body: { all: flags.all } } as const;
    for await (const { result } of registryLines<{ readonly result?: Progress }>(cli, registry, request))
      if (result !== undefined) cli.out(`freed ${countsText(result)}\n`);
    return 0;
  },
});
