import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

export const command = defineCommand({
  name: 'registry retention ls',
  operands: '[OPTIONS]',
  summary: 'Show the rules of what repositories keep, one JSON object a line',
  flags: flagTable({ ...registryFlags }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const { rules } = await registry.json<{ readonly rules: readonly unknown[] }>({
      method: 'GET',
      path: '/retention',
    });
    for (const rule of rules) cli.out(`${JSON.stringify(rule)}\n`);
    return 0;
  },
});
