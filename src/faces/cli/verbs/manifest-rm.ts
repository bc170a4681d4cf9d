import { NO_LIMIT, defineCommand } from '../command.ts';
import { report } from '../report.ts';

export const command = defineCommand({
  name: 'manifest rm',
  operands: 'MANIFEST_LIST [MANIFEST_LIST...]',
  summary: 'Delete one or more manifest lists; what was pushed stays',
  aliases: ['manifest rm', 'manifest remove'],
  flags: {},
  args: [1, NO_LIMIT],
  async run(cli, { args }) {
    const client = await cli.client();
    let code = 0;
    for (const list of args) {
      try {
        await client.json({ method: 'DELETE', path: '/lade/v1/manifests', query: { list } });
      } catch (error) {
        report(cli, error);
        code = 1;
      }
    }
    return code;
  },
});
