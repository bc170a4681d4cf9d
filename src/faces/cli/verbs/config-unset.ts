import type { Setting } from '#api';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'config unset',
  operands: 'KEY',
  summary: 'Take the default of a setting again',
  flags: flagTable({}),
  args: [1, 1],
  async run(cli, { args: [key = ''] }) {
    const client = await cli.client();
    await client.json<Setting>({ method: 'DELETE', path: `/lade/v1/config/${encodeURIComponent(key)}` });
    return 0;
  },
});
