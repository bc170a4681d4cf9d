import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { listFlags, showList } from '../registry-rows.ts';

interface Grant {
  readonly subject: { readonly kind: string; readonly name: string };
  readonly pattern: string;
  readonly role: string;
}

export const command = defineCommand({
  name: 'registry grant ls',
  operands: '[OPTIONS]',
  summary: 'List grants',
  aliases: ['registry grant ls', 'registry grant list'],
  flags: flagTable({ ...registryFlags, ...listFlags }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const { grants } = await registry.json<{ readonly grants: readonly Grant[] }>({
      method: 'GET',
      path: '/grants',
    });
    showList(cli, flags, {
      items: grants,
      headings: { Kind: 'KIND', Subject: 'SUBJECT', Role: 'ROLE', Pattern: 'PATTERN' },
      row: ({ subject, role, pattern }) => ({
        Kind: subject.kind,
        Subject: subject.name,
        Role: role,
        Pattern: pattern,
      }),
    });
    return 0;
  },
});
