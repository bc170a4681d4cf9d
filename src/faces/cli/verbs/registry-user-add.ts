import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { newPassword, passwordFlags } from '../registry-secrets.ts';

export const command = defineCommand({
  name: 'registry user add',
  operands: '[OPTIONS] NAME',
  summary: 'Add a user',
  flags: flagTable({
    ...registryFlags,
    ...passwordFlags,
    administrator: { kind: 'bool', help: 'May do everything, and administer the registry' },
    description: { kind: 'string', help: 'Who this is' },
    'no-password': { kind: 'bool', help: 'For somebody who signs in elsewhere, or works with tokens only' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [name = ''] }) {
    const registry = await registryCalls(cli, flags);
    const password = flags['no-password'] ? undefined : await newPassword(cli, flags['password-stdin']);
    const { administrator, description } = flags;
    await registry.json({
      method: 'POST',
      path: '/users',
      body: { name, password, administrator, description },
    });
    cli.out(`${name}\n`);
    return 0;
  },
});
