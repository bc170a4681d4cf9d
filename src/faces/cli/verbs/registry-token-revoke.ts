import { flagTable } from '#console';
import { defineCommand, NO_LIMIT } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

export const command = defineCommand({
  name: 'registry token revoke',
  operands: '[OPTIONS] TOKEN [TOKEN...]',
  summary: 'End tokens, and whatever was got with them, by id or name',
  flags: flagTable({
    ...registryFlags,
    user: { kind: 'string', help: 'Of this user (administrators)' },
  }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    const registry = await registryCalls(cli, flags);
    for (const token of args) {
      const path = `/tokens/${encodeURIComponent(token)}`;
      await registry.json({ method: 'DELETE', path, query: { owner: flags.user } });
      cli.out(`${token}\n`);
    }
    return 0;
  },
});
