import { defineCommand } from '../command.ts';
import { IMAGE_DIFF_FLAGS, showImageDiff } from '../image-diff.ts';

export const command = defineCommand({
  name: 'image diff',
  operands: '[OPTIONS] IMAGE IMAGE',
  summary: 'Compare two images: configuration, layers and files',
  aliases: ['image diff', 'diff'],
  flags: IMAGE_DIFF_FLAGS,
  args: [2, 2],
  run: (cli, { flags, args: [before = '', after = ''] }) => showImageDiff(cli, { before, after, ...flags }),
});
