import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { credentialFlags, dockerConfig } from '../registry-credentials.ts';

export const command = defineCommand({
  name: 'registry docker-config',
  operands: '[OPTIONS] SERVER',
  summary: "Print a docker configuration (config.json) with a robot's or a user's credentials",
  flags: flagTable(credentialFlags),
  args: [1, 1],
  async run(cli, { flags, args: [server = ''] }) {
    cli.out(await dockerConfig(cli, server, flags));
    return 0;
  },
});
