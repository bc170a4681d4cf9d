import { flagTable } from '#console';
import { defineCommand, NO_LIMIT } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

export const command = defineCommand({
  name: 'registry user enable',
  operands: '[OPTIONS] NAME [NAME...]',
  summary: 'Let disabled users in again',
  flags: flagTable({ ...registryFlags }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    const registry = await registryCalls(cli, flags);
    for (const name of args) {
      await registry.json({
        method: 'POST',
        path: `/users/${encodeURIComponent(name)}`,
        body: { disabled: false },
      });
      cli.out(`${name}\n`);
    }
    return 0;
  },
});
