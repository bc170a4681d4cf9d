import { flagTable } from '#console';
import { listCaches } from '../cache-mounts.ts';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';
import { cliErrors } from '../errors.ts';

export const command = defineCommand({
  name: 'cache rm',
  operands: '[OPTIONS] CACHE [CACHE...]',
  summary: 'Remove caches of RUN --mount=type=cache by id or key',
  aliases: ['cache rm', 'cache remove'],
  flags: flagTable({ all: { kind: 'bool', short: 'a', help: 'Remove all caches that no step uses' } }),
  args: [0, NO_LIMIT],
  async run(cli, { flags, args }) {
    if (args.length === 0 && !flags.all)
      throw cliErrors.argumentInvalid({ problem: 'no cache is named', advice: 'name caches, or give --all' });
    const client = await cli.client();
    const idle = async (): Promise<readonly string[]> =>
      (await listCaches(client)).filter(({ inUse }) => !inUse).map(({ key }) => key);
    return await forEachName(cli, flags.all ? await idle() : args, (name) =>
      client.json({ method: 'DELETE', path: '/lade/v1/caches', query: { name } }),
    );
  },
});
