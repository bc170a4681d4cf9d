import { readFile } from 'node:fs/promises';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { repositoryPath } from '../registry-catalog.ts';

const parseLink = (text: string): { readonly title: string; readonly url: string } => {
  const match = /^([^=]+)=(https?:\/\/.+)$/.exec(text);
  if (match !== null) return { title: match[1] ?? '', url: match[2] ?? '' };
  throw cliErrors.argumentInvalid({
    problem: `--link ${text} is not TITLE=URL`,
    advice: 'write --link Source=https://example.org/app',
  });
};

const readReadme = async (path: string | undefined): Promise<string | undefined> => {
  if (path === undefined || path === '') return path;
  return (await readFile(path)).toString('utf8');
};

export const command = defineCommand({
  name: 'registry describe',
  operands: '[OPTIONS] REPOSITORY',
  summary: 'Give a repository a description, a README, links and a logo; empty values remove them',
  flags: flagTable({
    ...registryFlags,
    description: { kind: 'string', short: 'd', help: 'One line' },
    link: { kind: 'list', help: 'TITLE=URL; all links together replace those that are there' },
    logo: { kind: 'string', help: 'URL of an image' },
    readme: { kind: 'string', help: 'File in Markdown' },
  }),
  args: [1, 1],
  async run(cli, { flags, given, args: [repository = ''] }) {
    const change = {
      description: flags.description,
      readme: await readReadme(flags.readme),
      links: given.has('link') ? flags.link.filter((text) => text !== '').map(parseLink) : undefined,
      logo: flags.logo,
    };
    const registry = await registryCalls(cli, flags);
    await registry.json({
      method: 'PUT',
      path: `${repositoryPath(repository)}/documentation`,
      body: change,
    });
    return 0;
  },
});
