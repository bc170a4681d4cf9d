import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

interface Shown {
  readonly name: string;
  readonly secret: string;
}

export const command = defineCommand({
  name: 'registry robot rotate',
  operands: '[OPTIONS] NAME',
  summary: 'Give a robot a new secret; the old one and its tokens end at once',
  flags: flagTable({ ...registryFlags, json: { kind: 'bool', help: 'Name and secret as JSON' } }),
  args: [1, 1],
  async run(cli, { flags, args: [name = ''] }) {
    const registry = await registryCalls(cli, flags);
    const path = `/robots/${encodeURIComponent(name)}/rotate`;
    const shown = await registry.json<Shown>({ method: 'POST', path });
    cli.out(flags.json ? `${JSON.stringify(shown)}\n` : `${shown.secret}\n`);
    return 0;
  },
});
