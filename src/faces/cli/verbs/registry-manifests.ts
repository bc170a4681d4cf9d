import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { allPages, manifestRow, repositoryPath, showList, type ManifestEntry } from '../registry-catalog.ts';

const HEADINGS = {
  Digest: 'DIGEST',
  Kind: 'KIND',
  Platforms: 'PLATFORMS',
  ArtifactType: 'ARTIFACT TYPE',
  Size: 'SIZE',
  Pushed: 'PUSHED',
  Relation: 'TAGS AND RELATIONS',
};

export const command = defineCommand({
  name: 'registry manifests',
  operands: '[OPTIONS] REPOSITORY',
  summary: 'List every manifest of a repository: untagged ones, artifacts and signatures too',
  flags: flagTable({
    ...registryFlags,
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    'no-trunc': { kind: 'bool', help: 'Do not truncate digests' },
    quiet: { kind: 'bool', short: 'q', help: 'Only digests' },
    untagged: { kind: 'bool', help: 'Only those without a tag' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [repository = ''] }) {
    const registry = await registryCalls(cli, flags);
    const request = { path: `${repositoryPath(repository)}/manifests`, member: 'manifests' };
    const rows = [];
    for await (const entry of allPages<ManifestEntry>(registry, request))
      if (!flags.untagged || entry.tags.length === 0)
        rows.push(manifestRow(entry, flags['no-trunc'] || flags.quiet));
    const table = flags.quiet
      ? '{{.Digest}}'
      : 'table {{.Digest}}\t{{.Kind}}\t{{.Platforms}}\t{{.Size}}\t{{.Pushed}}\t{{.ArtifactType}}\t{{.Relation}}';
    showList(cli, { rows, format: flags.format, table, headings: HEADINGS });
    return 0;
  },
});
