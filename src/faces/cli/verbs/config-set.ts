import type { Setting } from '#api';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'config set',
  operands: 'KEY VALUE',
  summary: 'Change a setting; it counts at once',
  flags: flagTable({}),
  args: [2, 2],
  async run(cli, { args: [key = '', value = ''] }) {
    const client = await cli.client();
    const path = `/lade/v1/config/${encodeURIComponent(key)}`;
    await client.json<Setting>({ method: 'PUT', path, body: { value } });
    return 0;
  },
});
