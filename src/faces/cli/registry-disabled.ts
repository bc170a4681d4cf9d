import { flagTable } from '#console';
import { defineCommand, NO_LIMIT, type Command } from './command.ts';
import { registryCalls, registryFlags } from './registry-call.ts';

/** The verb that keeps users out, or lets them in again. */
export const disablingCommand = (verb: 'disable' | 'enable', summary: string): Command =>
  defineCommand({
    name: `registry user ${verb}`,
    operands: '[OPTIONS] NAME [NAME...]',
    summary,
    flags: flagTable({ ...registryFlags }),
    args: [1, NO_LIMIT],
    async run(cli, { flags, args }) {
      const registry = await registryCalls(cli, flags);
      for (const name of args) {
        await registry.json({
          method: 'POST',
          path: `/users/${encodeURIComponent(name)}`,
          body: { disabled: verb === 'disable' },
        });
        cli.out(`${name}\n`);
      }
      return 0;
    },
  });
