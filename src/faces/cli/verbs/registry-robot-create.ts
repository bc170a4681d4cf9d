import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { endOf, permissionFlags, permissionsOf } from '../registry-permissions.ts';

interface Shown {
  readonly name: string;
  readonly secret: string;
}

export const command = defineCommand({
  name: 'registry robot create',
  operands: '[OPTIONS] NAME',
  summary: 'Make an account for a program, and show its secret this once',
  flags: flagTable({
    ...registryFlags,
    ...permissionFlags,
    description: { kind: 'string', help: 'What it is for' },
    json: { kind: 'bool', help: 'Name and secret as JSON' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [name = ''] }) {
    const registry = await registryCalls(cli, flags);
    const shown = await registry.json<Shown>({
      method: 'POST',
      path: '/robots',
      body: {
        name,
        permissions: permissionsOf(flags) ?? [],
        description: flags.description,
        expiresMs: endOf(flags.expires),
      },
    });
    cli.out(flags.json ? `${JSON.stringify(shown)}\n` : `${shown.secret}\n`);
    if (!flags.json) cli.note(`Log in as ${shown.name} with this secret. It is not shown again.`);
    return 0;
  },
});
