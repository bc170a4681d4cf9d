import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { endOf, permissionFlags, permissionsOf } from '../registry-permissions.ts';

interface Shown {
  readonly id: string;
  readonly name: string;
  readonly secret: string;
}

export const command = defineCommand({
  name: 'registry token create',
  operands: '[OPTIONS] NAME',
  summary: 'Make a token that counts as your password, and show it this once',
  flags: flagTable({
    ...registryFlags,
    ...permissionFlags,
    json: { kind: 'bool', help: 'Id, name and secret as JSON' },
    user: { kind: 'string', help: 'For this user (administrators)' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [name = ''] }) {
    const registry = await registryCalls(cli, flags);
    const shown = await registry.json<Shown>({
      method: 'POST',
      path: '/tokens',
      body: { name, owner: flags.user, permissions: permissionsOf(flags), expiresMs: endOf(flags.expires) },
    });
    cli.out(flags.json ? `${JSON.stringify(shown)}\n` : `${shown.secret}\n`);
    if (!flags.json) cli.note('Use it in place of the password. It is not shown again.');
    return 0;
  },
});
