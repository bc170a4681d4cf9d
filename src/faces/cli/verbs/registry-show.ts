import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { repositoryPath } from '../registry-catalog.ts';

/** A repository, or what a tag or digest of it names. */
const pathOf = (name: string): string => {
  const [repository = '', digest] = name.split('@');
  if (digest !== undefined) return `${repositoryPath(repository)}/manifests/${digest}`;
  const match = /^(.+):([^/:]+)$/.exec(name);
  if (match === null) return repositoryPath(name);
  return `${repositoryPath(match[1] ?? '')}/manifests/${encodeURIComponent(match[2] ?? '')}`;
};

export const command = defineCommand({
  name: 'registry show',
  operands: '[OPTIONS] REPOSITORY[:TAG|@DIGEST]',
  summary: 'Show everything known of a repository or an image, as JSON',
  aliases: ['registry show', 'registry inspect'],
  flags: flagTable({
    ...registryFlags,
    readme: { kind: 'bool', help: "Only the repository's README" },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [name = ''] }) {
    const registry = await registryCalls(cli, flags);
    const found = await registry.json<{ readonly readme?: string }>({ method: 'GET', path: pathOf(name) });
    if (flags.readme) cli.out(`${(found.readme ?? '').trimEnd()}\n`);
    else cli.out(`${JSON.stringify(found, null, 2)}\n`);
    return 0;
  },
});
