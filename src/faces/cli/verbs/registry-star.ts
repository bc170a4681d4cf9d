import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { repositoryPath } from '../registry-catalog.ts';

export const command = defineCommand({
  name: 'registry star',
  operands: '[OPTIONS] REPOSITORY',
  summary: 'Star a repository',
  flags: flagTable({
    ...registryFlags,
    remove: { kind: 'bool', help: 'Take the star back' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [repository = ''] }) {
    const registry = await registryCalls(cli, flags);
    const { stars } = await registry.json<{ readonly stars: number }>({
      method: flags.remove ? 'DELETE' : 'PUT',
      path: `${repositoryPath(repository)}/star`,
    });
    cli.out(`${stars}\n`);
    return 0;
  },
});
