import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { listFlags, showList, timeText } from '../registry-rows.ts';

interface User {
  readonly name: string;
  readonly administrator: boolean;
  readonly disabled: boolean;
  readonly hasPassword: boolean;
  readonly origin?: string;
  readonly usedMs?: number;
}

const stateOf = ({ disabled, administrator }: User): string => {
  if (disabled) return 'disabled';
  return administrator ? 'administrator' : 'user';
};

const signInOf = ({ hasPassword, origin }: User): string => {
  if (origin !== undefined) return 'openid';
  return hasPassword ? 'password' : 'none';
};

export const command = defineCommand({
  name: 'registry user ls',
  operands: '[OPTIONS]',
  summary: 'List users',
  aliases: ['registry user ls', 'registry user list'],
  flags: flagTable({ ...registryFlags, ...listFlags }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const { users } = await registry.json<{ readonly users: readonly User[] }>({
      method: 'GET',
      path: '/users',
    });
    showList(cli, flags, {
      items: users,
      headings: { Name: 'NAME', State: 'STATE', SignIn: 'SIGN-IN', LastUsed: 'LAST USED' },
      row: (user) => ({
        Name: user.name,
        State: stateOf(user),
        SignIn: signInOf(user),
        LastUsed: timeText(user.usedMs),
      }),
    });
    return 0;
  },
});
