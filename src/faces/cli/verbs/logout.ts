import { openCredentials, storageKey } from '#client';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'logout',
  operands: '[SERVER]',
  summary: 'Log out from a registry',
  flags: {},
  args: [0, 1],
  async run(cli, { args: [server = 'docker.io'] }) {
    const host = server.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
    const known = await openCredentials(cli.configFolder).forget(host);
    cli.out(
      known
        ? `Removing login credentials for ${storageKey(host)}\n`
        : `Not logged in to ${storageKey(host)}\n`,
    );
    return 0;
  },
});
