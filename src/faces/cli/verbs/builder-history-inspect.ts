import { compileTemplate, flagTable } from '#console';
import { inspectBuild } from '../build-history.ts';
import { buildReport } from '../build-report.ts';
import { NO_LIMIT, defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'builder history inspect',
  operands: '[OPTIONS] [BUILD...]',
  summary: 'Show what a build was, and each of its steps (the last build unless one is named)',
  flags: flagTable({
    format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" },
  }),
  args: [0, NO_LIMIT],
  async run(cli, { flags, args }) {
    const client = await cli.client();
    const { format } = flags;
    const source = format === 'json' ? '{{json .}}' : format;
    for (const build of args.length === 0 ? ['^0'] : args) {
      const details = await inspectBuild(client, build);
      cli.out(
        source === undefined ? buildReport(details) : `${compileTemplate(source)(details).trimEnd()}\n`,
      );
    }
    return 0;
  },
});
