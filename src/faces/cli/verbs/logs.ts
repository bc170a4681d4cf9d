import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { ContainerInspect } from '#api';
import { demultiplex } from '#client';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { containerPath } from '../paths.ts';
import { toTimestamp } from '../timestamps.ts';

const writeTo = async (target: Writable, data: Uint8Array): Promise<void> => {
  if (!target.write(data)) await once(target, 'drain');
};

export const command = defineCommand({
  name: 'logs',
  operands: '[OPTIONS] CONTAINER',
  summary: 'Fetch the logs of a container',
  aliases: ['container logs', 'logs'],
  flags: flagTable({
    details: { kind: 'bool', help: 'Show extra details provided to logs' },
    follow: { kind: 'bool', short: 'f', help: 'Follow log output' },
    since: {
      kind: 'string',
      help: 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m")',
    },
    tail: {
      kind: 'string',
      short: 'n',
      help: 'Number of lines to show from the end of the logs',
      shownDefault: '"all"',
    },
    timestamps: { kind: 'bool', short: 't', help: 'Show timestamps' },
    until: {
      kind: 'string',
      help: 'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m")',
    },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [name = ''] }) {
    const client = await cli.client();
    const container = await client.json<ContainerInspect>({
      method: 'GET',
      path: containerPath(name, '/json'),
    });
    const answer = await client.stream({
      method: 'GET',
      path: containerPath(container.Id, '/logs'),
      query: {
        stdout: true,
        stderr: true,
        follow: flags.follow,
        since: toTimestamp(flags.since),
        until: toTimestamp(flags.until),
        timestamps: flags.timestamps,
        details: flags.details,
        tail: flags.tail ?? 'all',
      },
      signal: cli.signal,
    });
    const body = answer.body as AsyncIterable<Buffer>;
    if (container.Config.Tty === true) {
      for await (const data of body) await writeTo(cli.stdout, data);
      return 0;
    }
    for await (const { stream, data } of demultiplex(body))
      await writeTo(stream === 'stderr' ? cli.stderr : cli.stdout, data);
    return 0;
  },
});
