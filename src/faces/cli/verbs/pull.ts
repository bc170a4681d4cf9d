import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { wantedPlatform } from '../default-platform.ts';
import { cliErrors } from '../errors.ts';
import { canonicalName, familiarName, splitReference } from '../image-names.ts';
import { pullImage } from '../pull-image.ts';

export const command = defineCommand({
  name: 'pull',
  operands: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Download an image from a registry',
  aliases: ['image pull', 'pull'],
  flags: flagTable({
    'all-platforms': {
      kind: 'bool',
      help: 'Download everything the name means: all platforms, attestations, artifacts and what refers to them',
    },
    'all-tags': { kind: 'bool', short: 'a', help: 'Download all tagged images in the repository' },
    'disable-content-trust': { kind: 'bool', on: true, help: 'Accepted for compatibility', hidden: true },
    platform: { kind: 'string', help: 'Set platform if server is multi-platform capable' },
    quiet: { kind: 'bool', short: 'q', help: 'Suppress verbose output' },
    referrers: { kind: 'bool', help: 'Download what refers to the image: signatures, bills of materials' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [reference = ''] }) {
    const { name, tag, digest } = splitReference(reference);
    if (flags['all-tags'] && (tag !== '' || digest !== ''))
      throw cliErrors.argumentInvalid({
        problem: "tag can't be used with --all-tags/-a",
        advice: 'name the repository alone',
      });
    const latest = tag === '' && digest === '' && !flags['all-tags'];
    if (latest && !flags.quiet) cli.out('Using default tag: latest\n');
    await pullImage(cli, reference, {
      platform: wantedPlatform(cli, flags.platform),
      allTags: flags['all-tags'],
      allPlatforms: flags['all-platforms'],
      referrers: flags.referrers,
      quiet: flags.quiet,
    });
    const version =
      digest === '' ? `:${latest ? 'latest' : tag}` : `${tag === '' ? '' : `:${tag}`}@${digest}`;
    cli.out(`${canonicalName(familiarName(name))}${flags['all-tags'] ? '' : version}\n`);
    return 0;
  },
});
