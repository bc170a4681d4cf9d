import type { InspectedListAnswer, SeenManifestAnswer } from '#api';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { configHeader } from '../registry-auth.ts';

const contentOf = ({ raw }: SeenManifestAnswer): unknown =>
  JSON.parse(Buffer.from(raw, 'base64').toString()) as unknown;

/** A manifest with its reference and its descriptor, as docker's `--verbose` has it. */
const verbose = (seen: SeenManifestAnswer): object => ({
  Ref: seen.reference,
  Descriptor: seen.descriptor,
  Raw: seen.raw,
  [String(seen.descriptor['mediaType']).includes('docker') ? 'SchemaV2Manifest' : 'OCIManifest']:
    contentOf(seen),
});

const isIndex = (content: unknown): boolean =>
  typeof content === 'object' && content !== null && 'manifests' in content;

export const command = defineCommand({
  name: 'manifest inspect',
  operands: '[OPTIONS] [MANIFEST_LIST] MANIFEST',
  summary: 'Display a manifest list that is here, a manifest in it, or what a registry has',
  flags: flagTable({
    insecure: { kind: 'bool', help: 'Allow communication with an insecure registry' },
    verbose: { kind: 'bool', short: 'v', help: 'Output additional info including layers and platform' },
  }),
  args: [1, 2],
  async run(cli, { flags, args: [list = '', manifest] }) {
    const client = await cli.client();
    const found = await client.json<InspectedListAnswer>({
      method: 'GET',
      path: '/lade/v1/manifests/inspect',
      query: { list, manifest, parts: flags.verbose, insecure: flags.insecure },
      headers: await configHeader(cli),
    });
    const content = contentOf(found);
    const shown = isIndex(content) ? found.parts.map(verbose) : verbose(found);
    cli.out(`${JSON.stringify(flags.verbose ? shown : content, null, '\t')}\n`);
    return 0;
  },
});
