import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { listFlags, permissionsText, showList, timeText } from '../registry-rows.ts';

interface Token {
  readonly id: string;
  readonly owner: string;
  readonly name: string;
  readonly permissions?: readonly { readonly pattern: string; readonly actions: readonly string[] }[];
  readonly expiresMs?: number;
  readonly usedMs?: number;
}

export const command = defineCommand({
  name: 'registry token ls',
  operands: '[OPTIONS]',
  summary: 'List tokens',
  aliases: ['registry token ls', 'registry token list'],
  flags: flagTable({
    ...registryFlags,
    ...listFlags,
    user: { kind: 'string', help: 'Of this user (administrators)' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const { tokens } = await registry.json<{ readonly tokens: readonly Token[] }>({
      method: 'GET',
      path: '/tokens',
      query: { owner: flags.user },
    });
    showList(cli, flags, {
      items: tokens,
      headings: {
        ID: 'ID',
        Owner: 'OWNER',
        Name: 'NAME',
        Permissions: 'PERMISSIONS',
        Expires: 'EXPIRES',
        LastUsed: 'LAST USED',
      },
      row: (token) => ({
        ID: token.id,
        Owner: token.owner,
        Name: token.name,
        Permissions:
          token.permissions === undefined ? 'all of the owner' : permissionsText(token.permissions),
        Expires: timeText(token.expiresMs),
        LastUsed: timeText(token.usedMs),
      }),
    });
    return 0;
  },
});
