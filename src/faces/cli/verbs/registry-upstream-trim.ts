import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

export const command = defineCommand({
  name: 'registry upstream trim',
  operands: '[OPTIONS]',
  summary: 'Let go of what is beyond keepBytes and keepUnused now',
  flags: flagTable(registryFlags),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const { manifests } = await registry.json<{ readonly manifests: number }>({
      method: 'POST',
      path: '/upstreams/trim',
    });
    cli.out(`${manifests} manifests; their blobs go with the next collection\n`);
    return 0;
  },
});
