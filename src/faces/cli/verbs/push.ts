import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { canonicalName, familiarName, splitTarget } from '../image-names.ts';
import { imagePath } from '../paths.ts';
import { authHeader } from '../registry-auth.ts';
import { transfer } from '../transfer.ts';

export const command = defineCommand({
  name: 'push',
  operands: '[OPTIONS] NAME[:TAG]',
  summary: 'Upload an image to a registry',
  aliases: ['image push', 'push'],
  flags: flagTable({
    'all-tags': { kind: 'bool', short: 'a', help: 'Push all tags of an image to the repository' },
    'disable-content-trust': { kind: 'bool', on: true, help: 'Accepted for compatibility', hidden: true },
    platform: { kind: 'string', help: 'Push a platform-specific manifest as a single-platform image' },
    quiet: { kind: 'bool', short: 'q', help: 'Suppress verbose output' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [reference = ''] }) {
    const { name, tag } = splitTarget(reference);
    const version = flags['all-tags'] ? undefined : tag || 'latest';
    if (tag === '' && version !== undefined && !flags.quiet) cli.out('Using default tag: latest\n');
    await transfer(
      cli,
      {
        method: 'POST',
        path: imagePath(name, '/push'),
        query: { tag: version, platform: flags.platform },
        headers: await authHeader(cli, reference),
      },
      { quiet: flags.quiet },
    );
    if (flags.quiet)
      cli.out(`${canonicalName(familiarName(name))}${version === undefined ? '' : `:${version}`}\n`);
    return 0;
  },
});
