import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { configHeader } from '../registry-auth.ts';
import { transfer } from '../transfer.ts';

export const command = defineCommand({
  name: 'manifest push',
  operands: '[OPTIONS] MANIFEST_LIST',
  summary: 'Push a manifest list with its images to a registry',
  flags: flagTable({
    insecure: { kind: 'bool', help: 'Allow push to an insecure registry' },
    purge: { kind: 'bool', short: 'p', help: 'Remove the manifest list here after it was pushed' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [list = ''] }) {
    let digest = '';
    await transfer(
      cli,
      {
        method: 'POST',
        path: '/lade/v1/manifests/push',
        headers: await configHeader(cli),
        body: { list, purge: flags.purge, insecure: flags.insecure },
      },
      { onAux: (aux) => (digest = (aux as { readonly Digest: string }).Digest) },
    );
    cli.out(`${digest}\n`);
    return 0;
  },
});
