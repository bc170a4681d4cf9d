import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { answered, incoming, outgoing, requestSignal } from '#http';
import type { Cause, JournalEntry } from '#metadata';
import type { Notifications } from '#notifications';
import * as z from 'zod';
import { administrationErrors } from './errors.ts';
import { bodyOf, numberOf, requireAdministrator, requireOf } from './request.ts';
import type { AdminRoutes } from './types.ts';

const PAGE = 100;
const MAX_PAGE = 1000;
/** Streams end after this time, so that rights are looked at again; clients go on where they were. */
const STREAM_MS = 30 * 60 * 1000;

const replayBody = z.strictObject({ id: z.int().positive().optional() });

/** How one kind of stream writes events, and that it lives. */
interface Format {
  readonly type: string;
  entry(entry: JournalEntry): string;
  readonly quiet: string;
}

const formatFor = (accept: string, notifications: Notifications): Format => {
  const json = (entry: JournalEntry): string =>
    JSON.stringify({ cursor: entry.id, ...notifications.event(entry) });
  return accept.includes('text/event-stream')
    ? {
        type: 'text/event-stream',
        entry: (entry) => `id: ${entry.id}\nevent: ${entry.action}\ndata: ${json(entry)}\n\n`,
        quiet: ': quiet\n\n',
      }
    : { type: 'application/x-ndjson', entry: (entry) => `${json(entry)}\n`, quiet: '\n' };
};

const write = async (response: ServerResponse, text: string, signal: AbortSignal): Promise<void> => {
  if (!response.write(text)) await once(response, 'drain', { signal });
};

const startOf = (since: string | undefined, lastId: number): number => {
  if (since === undefined) return lastId;
  if (/^\d{1,15}$/.test(since)) return Number(since);
  throw administrationErrors.parameterInvalid({
    name: 'since',
    value: since.slice(0, 100),
    reason: 'it is not the cursor of an event',
  });
};

/** Webhooks under `/webhooks`, and the live stream `/events`. */
export const notificationRoutes: AdminRoutes = (app, { storage, notifications }) => {
  const note = (cause: Cause, reason: string): Promise<void> =>
    storage.metadata.journal.append([{ action: 'administer', outcome: 'done', reason, cause }]);

  app.get('/webhooks', (c) => {
    requireAdministrator(c);
    return c.json({ webhooks: notifications.status() });
  });

  app.get('/webhooks/deliveries', (c) => {
    requireAdministrator(c);
    const deadLetters = notifications.deadLetters({
      endpoint: c.req.query('webhook'),
      after: numberOf(c, 'after', 0),
      limit: Math.min(numberOf(c, 'limit', PAGE), MAX_PAGE),
    });
    return c.json({ deadLetters });
  });

  app.post('/webhooks/:name/test', async (c) => {
    requireAdministrator(c);
    const name = c.req.param('name');
    const answer = await notifications.test(name);
    await note(c.get('cause'), `webhook ${name} tested`);
    return c.json(answer);
  });

  app.post('/webhooks/:name/replay', async (c) => {
    requireAdministrator(c);
    const { id } = await bodyOf(c, replayBody);
    const name = c.req.param('name');
    const result = await notifications.replay(name, id);
    await note(c.get('cause'), `webhook ${name}: ${result.delivered} dead letters replayed`);
    return c.json(result);
  });

  app.get('/events', async (c) => {
    requireOf(c, { kind: 'login' });
    const caller = c.get('caller');
    const since = incoming(c).headers['last-event-id'] ?? c.req.query('since');
    const after = startOf(typeof since === 'string' ? since : undefined, storage.metadata.journal.lastId());
    const format = formatFor(c.req.header('accept') ?? '', notifications);
    const response = outgoing(c);
    const signal = AbortSignal.any([requestSignal(c), AbortSignal.timeout(STREAM_MS)]);
    response.writeHead(200, { 'Content-Type': format.type, 'Cache-Control': 'no-store' });
    response.flushHeaders();
    const items = notifications.stream({
      after,
      once: c.req.query('follow') === 'false',
      signal,
      // What lists show is more than a token of one repository may know.
      wants: ({ repository = '' }) => caller.may('pull', repository),
    });
    try {
      for await (const item of items)
        await write(response, item.kind === 'entry' ? format.entry(item.entry) : format.quiet, signal);
      response.end();
    } catch {
      response.destroy();
    }
    return answered();
  });
};
