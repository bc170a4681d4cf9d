import { flagTable, humanSize } from '#console';
import { defineCommand } from '../command.ts';
import type { Cli } from '../context.ts';
import { copyFromContainer } from '../copy-from.ts';
import { copyToContainer } from '../copy-to.ts';
import { cliErrors } from '../errors.ts';

interface Place {
  /** Undefined is this machine. */
  readonly container: string | undefined;
  readonly path: string;
}

/** `container:path`; what begins like a path of this machine, or has no colon, lies here. */
const parsePlace = (text: string): Place => {
  const colon = text.indexOf(':');
  const local = text.startsWith('/') || text.startsWith('.') || colon <= 0;
  return local
    ? { container: undefined, path: text }
    : { container: text.slice(0, colon), path: text.slice(colon + 1) };
};

const done = (cli: Cli, bytes: number, target: string): void =>
  cli.note(`Successfully copied ${humanSize(bytes, 3)} to ${target}`);

export const command = defineCommand({
  name: 'cp',
  operands: '[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tlade cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH',
  summary: 'Copy files/folders between a container and the local filesystem',
  aliases: ['container cp', 'cp'],
  flags: flagTable({
    archive: { kind: 'bool', short: 'a', help: 'Archive mode (copy all uid/gid information)' },
    'follow-link': { kind: 'bool', short: 'L', help: 'Always follow symbol link in SRC_PATH' },
    quiet: { kind: 'bool', short: 'q', help: 'Suppress progress output during copy' },
  }),
  args: [2, 2],
  async run(cli, { flags, args: [sourceText = '', targetText = ''] }) {
    const [source, target] = [parsePlace(sourceText), parsePlace(targetText)];
    if (source.container !== undefined && target.container !== undefined)
      throw cliErrors.notSupported({
        feature: 'copying between containers',
        instead: 'copy to this machine first, or pipe: lade cp A:/path - | lade cp - B:/path',
      });
    const options = { followLinks: flags['follow-link'], archive: flags.archive };
    if (source.container !== undefined) {
      const from = { container: source.container, path: source.path };
      const bytes = await copyFromContainer(cli, from, { ...options, target: target.path });
      if (!flags.quiet && target.path !== '-') done(cli, bytes, target.path);
      return 0;
    }
    if (target.container === undefined)
      throw cliErrors.argumentInvalid({
        problem: 'must specify at least one container source',
        advice: 'write one of the two places as CONTAINER:PATH',
      });
    const to = { container: target.container, path: target.path };
    const bytes = await copyToContainer(cli, to, { ...options, source: source.path });
    if (!flags.quiet && source.path !== '-') done(cli, bytes, targetText);
    return 0;
  },
});
