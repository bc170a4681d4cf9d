import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

export const command = defineCommand({
  name: 'registry rotate-keys',
  operands: '[OPTIONS]',
  summary: 'Sign tokens with a new key from now on',
  flags: flagTable({
    ...registryFlags,
    drop: { kind: 'bool', help: 'Forget the keys before: tokens that clients hold now count no more' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    await registry.json({ method: 'POST', path: '/signing-keys', body: { drop: flags.drop } });
    return 0;
  },
});
