import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { newPassword, passwordFlags } from '../registry-secrets.ts';

export const command = defineCommand({
  name: 'registry user passwd',
  operands: '[OPTIONS] [NAME]',
  summary: "Change a user's password; without NAME your own",
  flags: flagTable({ ...registryFlags, ...passwordFlags }),
  args: [0, 1],
  async run(cli, { flags, args: [name] }) {
    const registry = await registryCalls(cli, flags);
    const password = await newPassword(cli, flags['password-stdin']);
    await (name === undefined
      ? registry.json({ method: 'PUT', path: '/account/password', body: { password } })
      : registry.json({ method: 'POST', path: `/users/${encodeURIComponent(name)}`, body: { password } }));
    cli.note('The password is changed; tokens and sessions that came from the old one have ended.');
    return 0;
  },
});
