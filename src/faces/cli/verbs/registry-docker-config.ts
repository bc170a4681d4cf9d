import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { credentialFlags, dockerConfigFor } from '../registry-credentials.ts';

export const command = defineCommand({
  name: 'registry docker-config',
  operands: '[OPTIONS] HOST[:PORT]',
  summary: 'Print a config.json with credentials for a registry, for docker, podman and CI',
  flags: flagTable(credentialFlags),
  args: [1, 1],
  async run(cli, { flags, args: [host = ''] }) {
    cli.out(`${await dockerConfigFor(cli, flags, host)}\n`);
    return 0;
  },
});
