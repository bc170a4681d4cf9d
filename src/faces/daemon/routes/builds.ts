import { Hono, type Context } from 'hono';
import type { LogEntry } from '#builder';
import { answered, drained, outgoing, requestSignal } from '#http';
import { cacheAnswer, cacheFilterOf } from '../cache-query.ts';
import { jsonLines } from '../json-lines.ts';
import { flag, param } from '../request.ts';
import type { DaemonParts } from '../types.ts';

/** Output of steps travels as base64. */
const encodeEntry = (entry: LogEntry): string => {
  if (entry.kind !== 'event' || entry.event.kind !== 'step-log') return JSON.stringify(entry);
  const data = Buffer.from(entry.event.data).toString('base64');
  return JSON.stringify({ ...entry, event: { ...entry.event, data } });
};

/** GET /lade/v1/builds/{build}/logs: what the build told, with `follow` until its end; as slowly as it is read. */
const logs = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const { history } = await parts.builder();
  const { id } = await history.inspect(param(c, 'build'));
  const lines = jsonLines(c);
  lines.begin();
  const signal = requestSignal(c);
  try {
    for await (const entry of history.logs(id, { follow: flag(c, 'follow'), signal })) {
      if (signal.aborted) break;
      lines.writeText(encodeEntry(entry));
      await drained(outgoing(c));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  lines.end();
  return answered();
};

/** GET /lade/v1/build-cache: everything that builds keep on disk, logs too. */
const records = async (c: Context, parts: DaemonParts): Promise<Response> =>
  c.json((await (await parts.builder()).records(cacheFilterOf(c))).map(cacheAnswer));

/** The builds that are remembered, and what they keep. */
export const buildHistoryRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.get('/lade/v1/builds', async (c) => c.json((await parts.builder()).history.list()));
  app.get('/lade/v1/builds/:build', async (c) =>
    c.json(await (await parts.builder()).history.inspect(param(c, 'build'))),
  );
  app.get('/lade/v1/builds/:build/logs', (c) => logs(c, parts));
  app.delete('/lade/v1/builds/:build', async (c) =>
    c.json({ id: await (await parts.builder()).history.remove(param(c, 'build')) }),
  );
  app.get('/lade/v1/build-cache', (c) => records(c, parts));
  return app;
};
