import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { configHeader } from '../registry-auth.ts';

export const command = defineCommand({
  name: 'manifest create',
  operands: 'MANIFEST_LIST MANIFEST [MANIFEST...]',
  summary: 'Create a manifest list of images that are here, pushed or not, or in a registry',
  flags: flagTable({
    amend: { kind: 'bool', short: 'a', help: 'Add to an existing manifest list' },
    insecure: { kind: 'bool', help: 'Allow communication with an insecure registry' },
  }),
  args: [2, NO_LIMIT],
  async run(cli, { flags, args: [list = '', ...manifests] }) {
    const client = await cli.client();
    const { name } = await client.json<{ readonly name: string }>({
      method: 'POST',
      path: '/lade/v1/manifests/create',
      headers: await configHeader(cli),
      body: { list, manifests, amend: flags.amend, insecure: flags.insecure },
    });
    cli.out(`Created manifest list ${name}\n`);
    return 0;
  },
});
