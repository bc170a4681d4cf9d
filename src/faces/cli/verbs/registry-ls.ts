import { flagTable, goTime } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { ageOf, allPages, showList } from '../registry-catalog.ts';

interface RepositoryEntry {
  readonly name: string;
  readonly tags: number;
  readonly manifests: number;
  readonly pushedMs: number;
  readonly description?: string;
  readonly stars: number;
  readonly pulls: number;
}

const HEADINGS = {
  Name: 'REPOSITORY',
  Tags: 'TAGS',
  Manifests: 'MANIFESTS',
  Pushed: 'PUSHED',
  PushedAt: 'PUSHED AT',
  Pulls: 'PULLS',
  Stars: 'STARS',
  Description: 'DESCRIPTION',
};

export const command = defineCommand({
  name: 'registry ls',
  operands: '[OPTIONS] [TEXT]',
  summary: 'List repositories, or those whose name or description has a text',
  aliases: ['registry ls', 'registry list'],
  flags: flagTable({
    ...registryFlags,
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    quiet: { kind: 'bool', short: 'q', help: 'Only names' },
  }),
  args: [0, 1],
  async run(cli, { flags, args: [text] }) {
    const registry = await registryCalls(cli, flags);
    const request = { path: '/repositories', member: 'repositories', query: { q: text } };
    const rows = [];
    for await (const entry of allPages<RepositoryEntry>(registry, request))
      rows.push({
        Name: entry.name,
        Tags: entry.tags,
        Manifests: entry.manifests,
        Pushed: ageOf(entry.pushedMs),
        PushedAt: goTime(entry.pushedMs / 1000),
        Pulls: entry.pulls,
        Stars: entry.stars,
        Description: entry.description ?? '',
      });
    const table = flags.quiet
      ? '{{.Name}}'
      : 'table {{.Name}}\t{{.Tags}}\t{{.Manifests}}\t{{.Pushed}}\t{{.Pulls}}\t{{.Stars}}\t{{.Description}}';
    showList(cli, { rows, format: flags.format, table, headings: HEADINGS });
    return 0;
  },
});
