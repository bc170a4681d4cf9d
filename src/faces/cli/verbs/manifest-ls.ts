import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'manifest ls',
  operands: '',
  summary: 'List manifest lists',
  aliases: ['manifest ls', 'manifest list'],
  flags: {},
  args: [0, 0],
  async run(cli) {
    const client = await cli.client();
    const names = await client.json<readonly string[]>({ method: 'GET', path: '/lade/v1/manifests' });
    for (const name of names) cli.out(`${name}\n`);
    return 0;
  },
});
