import { resolve } from 'node:path';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { showTransfer } from '../registry-transfer.ts';

export const command = defineCommand({
  name: 'registry import',
  operands: '[OPTIONS] DIR',
  summary: 'Take over the storage of a docker-registry, or an OCI layout',
  flags: flagTable({
    ...registryFlags,
    copy: { kind: 'bool', help: 'Copy every file, also where a hard link would do' },
    json: { kind: 'bool', help: 'One JSON object a line' },
    overwrite: { kind: 'bool', help: 'Move tags that point elsewhere here' },
    to: {
      kind: 'string',
      help: 'Goes before the names of the repositories; the name itself for an OCI layout',
    },
    verbose: { kind: 'bool', help: 'Also show tags that were here already' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [folder = ''] }) {
    const registry = await registryCalls(cli, flags);
    const body = { path: resolve(folder), to: flags.to, overwrite: flags.overwrite, link: !flags.copy };
    return showTransfer(cli, registry, { path: '/imports', flags, body });
  },
});
