import { flagTable } from '#console';
import { listBuilds } from '../build-history.ts';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';
import { cliErrors } from '../errors.ts';

export const command = defineCommand({
  name: 'builder history rm',
  operands: '[OPTIONS] BUILD [BUILD...]',
  summary: 'Forget builds and their logs',
  aliases: ['builder history rm', 'builder history remove'],
  flags: flagTable({ all: { kind: 'bool', short: 'a', help: 'Forget all builds that have ended' } }),
  args: [0, NO_LIMIT],
  async run(cli, { flags, args }) {
    const client = await cli.client();
    if (args.length === 0 && !flags.all)
      throw cliErrors.argumentInvalid({ problem: 'no build is named', advice: 'name builds, or give --all' });
    const ended = async (): Promise<readonly string[]> =>
      (await listBuilds(client)).filter(({ status }) => status !== 'running').map(({ id }) => id);
    return await forEachName(cli, flags.all ? await ended() : args, (build) =>
      client.json({ method: 'DELETE', path: `/lade/v1/builds/${encodeURIComponent(build)}` }),
    );
  },
});
