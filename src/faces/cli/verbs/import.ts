import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { wantedPlatform } from '../default-platform.ts';
import { splitTarget } from '../image-names.ts';
import { openInput } from '../input-file.ts';
import { transfer } from '../transfer.ts';

const isUrl = (source: string): boolean => /^https?:\/\//.test(source);

export const command = defineCommand({
  name: 'import',
  operands: '[OPTIONS] file|URL|- [REPOSITORY[:TAG]]',
  summary: 'Import the contents from a tarball to create a filesystem image',
  aliases: ['image import', 'import'],
  flags: flagTable({
    change: { kind: 'list', short: 'c', help: 'Apply Dockerfile instruction to the created image' },
    message: { kind: 'string', short: 'm', help: 'Set commit message for imported image' },
    platform: { kind: 'string', help: 'Set platform if server is multi-platform capable' },
  }),
  args: [1, 2],
  async run(cli, { flags, args: [source = '', reference = ''] }) {
    const { name, tag } = splitTarget(reference);
    const stream = isUrl(source) ? undefined : await openInput(cli, source);
    await transfer(cli, {
      method: 'POST',
      path: '/images/create',
      query: {
        fromSrc: isUrl(source) ? source : '-',
        repo: name === '' ? undefined : name,
        tag: tag === '' ? undefined : tag,
        message: flags.message,
        changes: flags.change,
        platform: wantedPlatform(cli, flags.platform),
      },
      contentType: 'application/x-tar',
      stream,
    });
    return 0;
  },
});
