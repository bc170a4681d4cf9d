import { flagTable, shortId } from '#console';
import { defineCommand } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { registryCalls, registryFlags } from '../registry-call.ts';
import { allPages, showList } from '../registry-catalog.ts';

interface FoundImage {
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
}

const HEADINGS = { Repository: 'REPOSITORY', Digest: 'DIGEST', Tags: 'TAGS' };

export const command = defineCommand({
  name: 'registry search',
  operands: '[OPTIONS]',
  summary: 'Find images by layer, base image, label or digest',
  flags: flagTable({
    ...registryFlags,
    base: { kind: 'string', help: 'Images built on this one (REPOSITORY:TAG or REPOSITORY@DIGEST)' },
    digest: { kind: 'string', help: 'Where this manifest is' },
    format: { kind: 'string', help: "Format output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    label: { kind: 'string', help: 'Images with this label (NAME or NAME=VALUE)' },
    layer: { kind: 'string', help: 'Images with this layer, by the digest of the blob or its diff ID' },
    'no-trunc': { kind: 'bool', help: 'Do not truncate digests' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const { base, digest, label, layer } = flags;
    if ([base, digest, label, layer].filter((value) => value !== undefined).length !== 1)
      throw cliErrors.argumentInvalid({
        problem: 'give exactly one of --base, --digest, --label and --layer',
        advice: '`lade registry ls TEXT` searches names and descriptions',
      });
    const registry = await registryCalls(cli, flags);
    const request = { path: '/search', member: 'images', query: { base, digest, label, layer } };
    const rows = [];
    for await (const image of allPages<FoundImage>(registry, request))
      rows.push({
        Repository: image.repository,
        Digest: flags['no-trunc'] ? image.digest : shortId(image.digest),
        Tags: image.tags.join(', '),
      });
    const table = 'table {{.Repository}}\t{{.Digest}}\t{{.Tags}}';
    showList(cli, { rows, format: flags.format, table, headings: HEADINGS });
    return 0;
  },
});
