import type { LogEntry } from '#api';
import { createBuildProgress, flagTable } from '#console';
import { decodeEvent } from '../build-events.ts';
import { defineCommand } from '../command.ts';
import { cliErrors } from '../errors.ts';

const FORMS = ['plain', 'rawjson'];

export const command = defineCommand({
  name: 'builder logs',
  operands: '[OPTIONS] [BUILD]',
  summary: 'Show the whole log of a build (the last one unless one is named)',
  flags: flagTable({
    follow: { kind: 'bool', short: 'f', help: 'Follow the log until the build ends' },
    progress: { kind: 'string', help: 'Type of output (plain, rawjson); the default is plain' },
  }),
  args: [0, 1],
  async run(cli, { flags, args: [build = '^0'] }) {
    const { progress: form = 'plain', follow } = flags;
    if (!FORMS.includes(form))
      throw cliErrors.argumentInvalid({
        problem: `invalid progress type: ${form}`,
        advice: `choose one of ${FORMS.join(', ')}`,
      });
    const client = await cli.client();
    let now = 0;
    const progress = createBuildProgress({
      write: (text) => void cli.stdout.write(text),
      live: false,
      columns: () => 80,
      rows: () => 24,
      now: () => now,
    });
    const path = `/lade/v1/builds/${encodeURIComponent(build)}/logs`;
    const lines = client.lines<LogEntry>({ method: 'GET', path, query: { follow }, signal: cli.signal });
    for await (const line of lines) {
      now = line.at;
      if (form === 'rawjson') cli.out(`${JSON.stringify(line)}\n`);
      else if (line.kind === 'event') progress.show(decodeEvent(line.event));
      else if (line.kind === 'error')
        progress.show({ kind: 'status', message: `ERROR: ${line.error.message}` });
      else progress.show({ kind: 'status', message: `built ${line.result.imageId}` });
    }
    progress.end();
    return 0;
  },
});
