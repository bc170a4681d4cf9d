import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { listFlags, permissionsText, showList, timeText } from '../registry-rows.ts';

interface Robot {
  readonly name: string;
  readonly disabled: boolean;
  readonly description: string;
  readonly permissions: readonly { readonly pattern: string; readonly actions: readonly string[] }[];
  readonly expiresMs?: number;
  readonly usedMs?: number;
}

export const command = defineCommand({
  name: 'registry robot ls',
  operands: '[OPTIONS]',
  summary: 'List robots',
  aliases: ['registry robot ls', 'registry robot list'],
  flags: flagTable({ ...registryFlags, ...listFlags }),
  args: [0, 0],
  async run(cli, { flags }) {
    const registry = await registryCalls(cli, flags);
    const { robots } = await registry.json<{ readonly robots: readonly Robot[] }>({
      method: 'GET',
      path: '/robots',
    });
    showList(cli, flags, {
      items: robots,
      headings: { Name: 'NAME', Permissions: 'PERMISSIONS', Expires: 'EXPIRES', LastUsed: 'LAST USED' },
      row: (robot) => ({
        Name: robot.name,
        Permissions: permissionsText(robot.permissions),
        Expires: robot.disabled ? 'disabled' : timeText(robot.expiresMs),
        LastUsed: timeText(robot.usedMs),
        Description: robot.description,
      }),
    });
    return 0;
  },
});
