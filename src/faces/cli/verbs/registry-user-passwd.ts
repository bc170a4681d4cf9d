import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { changedPassword, newPassword } from '../registry-secrets.ts';

export const command = defineCommand({
  name: 'registry user passwd',
  operands: '[OPTIONS] [NAME]',
  summary: "Change a user's password; without NAME your own",
  flags: flagTable({
    ...registryFlags,
    'password-stdin': {
      kind: 'bool',
      help: 'Take the password from stdin; of your own, the old one first, on a line of its own',
    },
  }),
  args: [0, 1],
  async run(cli, { flags, args: [name] }) {
    const registry = await registryCalls(cli, flags);
    const fromStdin = flags['password-stdin'];
    await (name === undefined
      ? registry.json({
          method: 'PUT',
          path: '/account/password',
          body: await changedPassword(cli, fromStdin),
        })
      : registry.json({
          method: 'POST',
          path: `/users/${encodeURIComponent(name)}`,
          body: { password: await newPassword(cli, fromStdin) },
        }));
    cli.note('The password is changed; tokens and sessions that came from the old one have ended.');
    return 0;
  },
});
