import { existsSync } from 'node:fs';
import { flagTable, humanSize } from '#console';
import { isFileWord } from '../cache-mounts.ts';
import { defineCommand } from '../command.ts';
import { cliErrors } from '../errors.ts';
import { checkOutput, writeOutput } from '../output-file.ts';
import { authHeader } from '../registry-auth.ts';

export const command = defineCommand({
  name: 'cache export',
  operands: '[OPTIONS] CACHE [REFERENCE]',
  summary: 'Write a cache of RUN --mount=type=cache to a tar archive, or push it to a registry',
  aliases: ['cache export'],
  flags: flagTable({
    output: { kind: 'string', short: 'o', help: 'Write to a file, instead of STDOUT' },
  }),
  args: [1, 2],
  async run(cli, { flags, args: [name = '', reference] }) {
    const client = await cli.client();
    if (reference === undefined) {
      checkOutput(cli, flags.output);
      const path = '/lade/v1/caches/export';
      const answer = await client.stream({ method: 'GET', path, query: { name }, signal: cli.signal });
      await writeOutput(cli, answer.body, flags.output);
      return 0;
    }
    if (flags.output !== undefined || isFileWord(reference, existsSync))
      throw cliErrors.argumentInvalid({
        problem: `${reference} is no place in a registry`,
        advice: 'give -o FILE alone for an archive, or a reference alone for a registry',
      });
    const pushed = await client.json<{ readonly digest: string; readonly size: number }>({
      method: 'POST',
      path: '/lade/v1/caches/push',
      query: { name, reference },
      headers: await authHeader(cli, reference),
      signal: cli.signal,
    });
    cli.out(`${reference}: digest: ${pushed.digest} (${humanSize(pushed.size, 3)})\n`);
    return 0;
  },
});
