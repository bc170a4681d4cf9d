import { flagTable } from '#console';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'manifest annotate',
  operands: '[OPTIONS] MANIFEST_LIST MANIFEST',
  summary: 'Change the platform of a manifest in a list',
  flags: flagTable({
    arch: { kind: 'string', help: 'Set architecture' },
    os: { kind: 'string', help: 'Set operating system' },
    'os-features': { kind: 'list', type: 'strings', help: 'Set operating system features' },
    'os-version': { kind: 'string', help: 'Set operating system version' },
    variant: { kind: 'string', help: 'Set architecture variant' },
  }),
  args: [2, 2],
  async run(cli, { flags, args: [list = '', manifest = ''] }) {
    const client = await cli.client();
    const features = flags['os-features'].flatMap((word) => word.split(','));
    await client.json({
      method: 'POST',
      path: '/lade/v1/manifests/annotate',
      body: {
        list,
        manifest,
        os: flags.os,
        architecture: flags.arch,
        variant: flags.variant,
        osVersion: flags['os-version'],
        ...(features.length === 0 ? {} : { osFeatures: features }),
      },
    });
    return 0;
  },
});
