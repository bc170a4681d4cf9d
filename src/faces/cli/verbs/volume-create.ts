import type { VolumeInspect } from '#api';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { toMap } from '../text-lists.ts';

export const command = defineCommand({
  name: 'volume create',
  operands: '[OPTIONS] [VOLUME]',
  summary: 'Create a volume',
  flags: flagTable({
    driver: { kind: 'string', short: 'd', help: 'Specify volume driver name', shownDefault: '"local"' },
    label: { kind: 'list', help: 'Set metadata for a volume' },
    name: { kind: 'string', help: 'Specify volume name', hidden: true },
    opt: { kind: 'list', short: 'o', type: 'map', help: 'Set driver specific options' },
  }),
  args: [0, 1],
  async run(cli, { flags, args: [name = flags.name ?? ''] }) {
    const client = await cli.client();
    const volume = await client.json<VolumeInspect>({
      method: 'POST',
      path: '/volumes/create',
      body: {
        Name: name,
        Driver: flags.driver ?? 'local',
        DriverOpts: toMap(flags.opt),
        Labels: toMap(flags.label),
      },
    });
    cli.out(`${volume.Name}\n`);
    return 0;
  },
});
