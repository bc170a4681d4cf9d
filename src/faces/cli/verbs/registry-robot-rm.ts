import { flagTable } from '#console';
import { defineCommand, NO_LIMIT } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

export const command = defineCommand({
  name: 'registry robot rm',
  operands: '[OPTIONS] NAME [NAME...]',
  summary: 'Remove robots, with their grants',
  aliases: ['registry robot rm', 'registry robot remove'],
  flags: flagTable({ ...registryFlags }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    const registry = await registryCalls(cli, flags);
    for (const name of args) {
      await registry.json({ method: 'DELETE', path: `/robots/${encodeURIComponent(name)}` });
      cli.out(`${name}\n`);
    }
    return 0;
  },
});
