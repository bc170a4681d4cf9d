import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { grantSubject, subjectFlags } from '../registry-grants.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

export const command = defineCommand({
  name: 'registry grant add',
  operands: '[OPTIONS] ROLE PATTERN',
  summary: 'Let somebody do something with repositories',
  flags: flagTable({ ...registryFlags, ...subjectFlags }),
  args: [2, 2],
  async run(cli, { flags, args: [role = '', pattern = ''] }) {
    const subject = grantSubject(flags);
    const registry = await registryCalls(cli, flags);
    await registry.json({ method: 'PUT', path: '/grants', body: { subject, pattern, role } });
    cli.out(`${subject.kind} ${subject.name}: ${role} of ${pattern}\n`);
    return 0;
  },
});
