import type { Setting } from '#api';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'config get',
  operands: 'KEY',
  summary: 'Show the value of a setting',
  flags: flagTable({}),
  args: [1, 1],
  async run(cli, { args: [key = ''] }) {
    const client = await cli.client();
    const path = `/lade/v1/config/${encodeURIComponent(key)}`;
    const { value, default: standard } = await client.json<Setting>({ method: 'GET', path });
    cli.out(`${value ?? standard}\n`);
    return 0;
  },
});
