import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';

interface Result {
  readonly delivered: number;
  readonly left: number;
  readonly reason?: string;
}

export const command = defineCommand({
  name: 'registry webhook replay',
  operands: '[OPTIONS] NAME [ID]',
  summary: 'Send events that were given up again: one, or all until one fails',
  flags: flagTable({ ...registryFlags }),
  args: [1, 2],
  async run(cli, { flags, args: [name = '', id] }) {
    if (id !== undefined && !/^[1-9]\d{0,14}$/.test(id))
      throw cliErrors.argumentInvalid({
        problem: `${id} is no event`,
        advice: '`lade registry webhook deliveries` shows their ids',
      });
    const registry = await registryCalls(cli, flags);
    const { delivered, left, reason } = await registry.json<Result>({
      method: 'POST',
      path: `/webhooks/${encodeURIComponent(name)}/replay`,
      body: id === undefined ? {} : { id: Number(id) },
    });
    cli.out(`${delivered} delivered, ${left} left\n`);
    if (reason !== undefined) cli.note(`lade: ${reason}`);
    return reason === undefined ? 0 : 1;
  },
});
