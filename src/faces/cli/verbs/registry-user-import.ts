import { readFile } from 'node:fs/promises';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

export const command = defineCommand({
  name: 'registry user import',
  operands: '[OPTIONS] FILE',
  summary: 'Add the users of an htpasswd file (bcrypt) that are not there yet',
  flags: flagTable({ ...registryFlags }),
  args: [1, 1],
  async run(cli, { flags, args: [file = ''] }) {
    const registry = await registryCalls(cli, flags);
    const htpasswd = (await readFile(file)).toString('utf8');
    const { added } = await registry.json<{ readonly added: readonly string[] }>({
      method: 'POST',
      path: '/htpasswd',
      body: { htpasswd },
    });
    for (const name of added) cli.out(`${name}\n`);
    return 0;
  },
});
