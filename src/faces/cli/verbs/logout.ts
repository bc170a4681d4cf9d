import { loginKey, openCredentials } from '#client';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'logout',
  operands: '[SERVER]',
  summary: 'Log out from a registry',
  flags: {},
  args: [0, 1],
  async run(cli, { args: [server = 'docker.io'] }) {
    const key = loginKey(server);
    cli.out(`Removing login credentials for ${key}\n`);
    await openCredentials(cli.configFolder).forget(key);
    return 0;
  },
});
