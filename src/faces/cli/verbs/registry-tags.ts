import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import {
  ageOf,
  allPages,
  manifestRow,
  repositoryPath,
  showList,
  type ManifestEntry,
} from '../registry-catalog.ts';

interface TagEntry extends ManifestEntry {
  readonly name: string;
  readonly updatedMs: number;
}

const HEADINGS = {
  Tag: 'TAG',
  Digest: 'DIGEST',
  Kind: 'KIND',
  Platforms: 'PLATFORMS',
  Size: 'SIZE',
  Updated: 'UPDATED',
  Referrers: 'REFERRERS',
};

export const command = defineCommand({
  name: 'registry tags',
  operands: '[OPTIONS] REPOSITORY',
  summary: 'List the tags of a repository with what they name',
  flags: flagTable({
    ...registryFlags,
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    'no-trunc': { kind: 'bool', help: 'Do not truncate digests' },
    quiet: { kind: 'bool', short: 'q', help: 'Only names' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [repository = ''] }) {
    const registry = await registryCalls(cli, flags);
    const request = { path: `${repositoryPath(repository)}/tags`, member: 'tags' };
    const rows = [];
    for await (const entry of allPages<TagEntry>(registry, request))
      rows.push({
        Tag: entry.name,
        Updated: ageOf(entry.updatedMs),
        ...manifestRow(entry, flags['no-trunc']),
      });
    const table = flags.quiet
      ? '{{.Tag}}'
      : 'table {{.Tag}}\t{{.Digest}}\t{{.Kind}}\t{{.Platforms}}\t{{.Size}}\t{{.Updated}}\t{{.Referrers}}';
    showList(cli, { rows, format: flags.format, table, headings: HEADINGS });
    return 0;
  },
});
