import { flagTable } from '#console';
import { defineCommand, NO_LIMIT } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

export const command = defineCommand({
  name: 'registry user rm',
  operands: '[OPTIONS] NAME [NAME...]',
  summary: 'Remove users, with their tokens and grants',
  aliases: ['registry user rm', 'registry user remove'],
  flags: flagTable({ ...registryFlags }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    const registry = await registryCalls(cli, flags);
    for (const name of args) {
      await registry.json({ method: 'DELETE', path: `/users/${encodeURIComponent(name)}` });
      cli.out(`${name}\n`);
    }
    return 0;
  },
});
