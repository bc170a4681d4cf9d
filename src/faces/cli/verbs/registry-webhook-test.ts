import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

export const command = defineCommand({
  name: 'registry webhook test',
  operands: '[OPTIONS] NAME',
  summary: 'Send an event of the repository lade/webhook-test to a webhook',
  flags: flagTable({ ...registryFlags }),
  args: [1, 1],
  async run(cli, { flags, args: [name = ''] }) {
    const registry = await registryCalls(cli, flags);
    const { status, ms } = await registry.json<{ readonly status: number; readonly ms: number }>({
      method: 'POST',
      path: `/webhooks/${encodeURIComponent(name)}/test`,
    });
    cli.out(`${name} answered ${status} after ${ms} ms\n`);
    return 0;
  },
});
