import { existsSync } from 'node:fs';
import type { CacheMountAnswer } from '#api';
import { flagTable, humanSize } from '#console';
import { isFileWord } from '../cache-mounts.ts';
import { defineCommand } from '../command.ts';
import type { Cli } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { openInput } from '../input-file.ts';
import { authHeader } from '../registry-auth.ts';

const fromFile = async (cli: Cli, path: string, id: string | undefined): Promise<CacheMountAnswer> => {
  if (id === undefined)
    throw cliErrors.argumentInvalid({
      problem: 'an archive does not say which cache it is',
      advice: 'give the id that the Dockerfile names, with --id',
    });
  const stream = await openInput(cli, path);
  const client = await cli.client();
  return await client.json<CacheMountAnswer>({
    method: 'POST',
    path: '/lade/v1/caches/import',
    query: { id },
    contentType: 'application/x-tar',
    stream,
    signal: cli.signal,
  });
};

export const command = defineCommand({
  name: 'cache import',
  operands: '[OPTIONS] FILE|REFERENCE|-',
  summary: 'Fill a cache of RUN --mount=type=cache from a tar archive or a registry; what it had goes',
  aliases: ['cache import'],
  flags: flagTable({
    id: { kind: 'string', help: 'The cache to fill; what a registry has names its own' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [source = ''] }) {
    const client = await cli.client();
    const made = isFileWord(source, existsSync)
      ? await fromFile(cli, source, flags.id)
      : await client.json<CacheMountAnswer>({
          method: 'POST',
          path: '/lade/v1/caches/pull',
          query: { reference: source, id: flags.id },
          headers: await authHeader(cli, source),
          signal: cli.signal,
        });
    cli.out(`${made.id} (${humanSize(made.sizeBytes, 3)})\n`);
    return 0;
  },
});
