import { defineCommand } from '../command.ts';
import { splitTarget } from '../image-names.ts';
import { imagePath } from '../paths.ts';

export const command = defineCommand({
  name: 'tag',
  operands: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
  aliases: ['image tag', 'tag'],
  flags: {},
  args: [2, 2],
  async run(cli, { args: [source = '', target = ''] }) {
    const client = await cli.client();
    const { name, tag } = splitTarget(target);
    await client.json({
      method: 'POST',
      path: imagePath(source, '/tag'),
      query: { repo: name, tag: tag === '' ? 'latest' : tag },
    });
    return 0;
  },
});
