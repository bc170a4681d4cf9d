import type { WaitAnswer } from '#api';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { containerPath } from '../paths.ts';
import { report } from '../report.ts';

export const command = defineCommand({
  name: 'wait',
  operands: 'CONTAINER [CONTAINER...]',
  summary: 'Block until one or more containers stop, then print their exit codes',
  aliases: ['container wait', 'wait'],
  flags: {},
  args: [1, NO_LIMIT],
  async run(cli, { args }) {
    const client = await cli.client();
    let code = 0;
    for (const name of args) {
      try {
        const path = containerPath(name, '/wait');
        const answer = await client.json<WaitAnswer>({ method: 'POST', path, signal: cli.signal });
        cli.out(`${answer.StatusCode}\n`);
      } catch (error) {
        report(cli, error);
        code = 1;
      }
    }
    return code;
  },
});
