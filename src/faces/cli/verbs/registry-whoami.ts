import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

interface Me {
  readonly name: string;
  readonly kind: string;
  readonly administrator: boolean;
  readonly groups: readonly string[];
  readonly grants: readonly { readonly pattern: string; readonly role: string }[];
}

export const command = defineCommand({
  name: 'registry whoami',
  operands: '[OPTIONS]',
  summary: 'Show who the registry takes you for, and what you may do',
  flags: flagTable({ ...registryFlags, json: { kind: 'bool', help: 'Everything as JSON' } }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const me = await registry.json<Me>({ method: 'GET', path: '/account' });
    if (flags.json) {
      cli.out(`${JSON.stringify(me)}\n`);
      return 0;
    }
    cli.out(`${me.name} (${me.administrator ? 'administrator' : me.kind})\n`);
    if (me.groups.length > 0) cli.out(`groups: ${me.groups.join(', ')}\n`);
    for (const { pattern, role } of me.grants) cli.out(`${role}\t${pattern}\n`);
    return 0;
  },
});
