import { flagTable } from '#console';
import { inspectBuild } from '../build-history.ts';
import { explainReport } from '../build-report.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'explain',
  operands: '[OPTIONS] [BUILD]',
  summary: 'Say for each step of a build whether it came from the cache, and why not',
  aliases: ['explain', 'builder explain'],
  flags: flagTable({
    all: { kind: 'bool', short: 'a', help: 'Show every reason, however many there are' },
    format: { kind: 'string', help: "Format output: 'json'" },
  }),
  args: [0, 1],
  async run(cli, { flags, args: [build = '^0'] }) {
    const details = await inspectBuild(await cli.client(), build);
    if (flags.format === 'json') {
      const steps = details.steps.map(({ name, stage, index, state, reasons }) => ({
        name,
        stage,
        index,
        state,
        reasons,
      }));
      cli.out(`${JSON.stringify(steps)}\n`);
    } else cli.out(explainReport(details, { all: flags.all }));
    return 0;
  },
});
