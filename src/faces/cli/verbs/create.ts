import { NO_LIMIT, defineCommand } from '../command.ts';
import { CONTAINER_FLAGS } from '../container-flags.ts';
import { attachedStreams, containerRequest } from '../container-request.ts';
import { createContainer } from '../create-container.ts';
import { wantedPlatform } from '../default-platform.ts';

export const command = defineCommand({
  name: 'create',
  operands: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create a new container',
  aliases: ['container create', 'create'],
  flags: CONTAINER_FLAGS,
  args: [1, NO_LIMIT],
  interspersed: false,
  async run(cli, { flags, args: [image = '', ...words] }) {
    const attached = attachedStreams(flags, false);
    const id = await createContainer(cli, {
      image,
      name: flags.name,
      platform: wantedPlatform(cli, flags.platform),
      pull: flags.pull,
      quiet: flags.quiet,
      idFile: flags.cidfile,
      body: containerRequest(flags, { image, words, attached, consoleSize: undefined }),
    });
    cli.out(`${id}\n`);
    return 0;
  },
});
