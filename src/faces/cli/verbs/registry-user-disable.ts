import { flagTable } from '#console';
import { defineCommand, NO_LIMIT } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

export const command = defineCommand({
  name: 'registry user disable',
  operands: '[OPTIONS] NAME [NAME...]',
  summary: 'Keep users out until they are enabled again',
  flags: flagTable({ ...registryFlags }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    const registry = await registryCalls(cli, flags);
    for (const name of args) {
      await registry.json({
        method: 'POST',
        path: `/users/${encodeURIComponent(name)}`,
        body: { disabled: true },
      });
      cli.out(`${name}\n`);
    }
    return 0;
  },
});
