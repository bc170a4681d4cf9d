import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { grantSubject, subjectFlags } from '../registry-grants.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

export const command = defineCommand({
  name: 'registry grant rm',
  operands: '[OPTIONS] PATTERN',
  summary: 'Take a grant back',
  aliases: ['registry grant rm', 'registry grant remove'],
  flags: flagTable({ ...registryFlags, ...subjectFlags }),
  args: [1, 1],
  async run(cli, { flags, args: [pattern = ''] }) {
    const subject = grantSubject(flags);
    const registry = await registryCalls(cli, flags);
    await registry.json({ method: 'DELETE', path: '/grants', body: { subject, pattern } });
    return 0;
  },
});
