import type { Setting } from '#api';
import { flagTable, formatRows, visible } from '#console';
import { defineCommand } from '../command.ts';

const HEADINGS = { Key: 'SETTING', Value: 'VALUE', Default: 'DEFAULT', Meaning: 'MEANING' };

export const command = defineCommand({
  name: 'config ls',
  operands: '[OPTIONS]',
  summary: 'List settings',
  aliases: ['config ls', 'config list'],
  flags: flagTable({
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const client = await cli.client();
    const settings = await client.json<readonly Setting[]>({ method: 'GET', path: '/lade/v1/config' });
    const rows = settings.map((setting) => ({
      Key: setting.key,
      Value: visible(setting.value ?? ''),
      Default: setting.default === '' ? 'none' : setting.default,
      Meaning: setting.meaning,
    }));
    const plain = flags.format ?? 'table';
    const format = plain === 'table' ? 'table {{.Key}}\t{{.Value}}\t{{.Default}}\t{{.Meaning}}' : plain;
    cli.out(formatRows(rows, { format, headings: HEADINGS, terminal: cli.stdout.isTTY }));
    return 0;
  },
});
