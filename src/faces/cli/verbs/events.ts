import type { EventAnswer } from '#api';
import { compileTemplate, flagTable, localRfc3339, visible } from '#console';
import { defineCommand } from '../command.ts';
import { encodeFilters } from '../filters.ts';
import { toTimestamp } from '../timestamps.ts';

const attributesOf = (event: EventAnswer): string => {
  const entries = Object.entries(event.Actor.Attributes).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? '' : ` (${entries.map(([key, value]) => `${key}=${value}`).join(', ')})`;
};

/** Docker's line of an event: time, type, action, actor and its attributes. */
const lineOf = (event: EventAnswer): string => {
  const time = localRfc3339(event.time, BigInt(Math.trunc(event.timeNano % 1e9)));
  return `${time} ${event.Type} ${event.Action} ${event.Actor.ID}${attributesOf(event)}`;
};

export const command = defineCommand({
  name: 'events',
  operands: '[OPTIONS]',
  summary: 'Get real time events from the server',
  aliases: ['system events', 'events'],
  flags: flagTable({
    filter: { kind: 'list', short: 'f', type: 'filter', help: 'Filter output based on conditions provided' },
    format: { kind: 'string', help: "Format output: 'json' or a Go template" },
    since: { kind: 'string', help: 'Show all events created since timestamp' },
    until: { kind: 'string', help: 'Stream events until this timestamp' },
  }),
  args: [0, 0],
  async run(cli, { flags }) {
    const client = await cli.client();
    const template = compileTemplate(flags.format === 'json' ? '{{json .}}' : (flags.format ?? ''));
    const events = client.lines<EventAnswer>({
      method: 'GET',
      path: '/events',
      query: {
        filters: encodeFilters(flags.filter),
        since: toTimestamp(flags.since),
        until: toTimestamp(flags.until),
      },
      signal: cli.signal,
    });
    for await (const event of events)
      cli.out(
        `${flags.format === undefined ? visible(lineOf(event)) : template(event, { missing: 'no-value' })}\n`,
      );
    return 0;
  },
});
