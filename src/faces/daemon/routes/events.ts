import { Hono, type Context } from 'hono';
import { checkFilters, parseTimestamp } from '#api';
import type { EngineEvent } from '#engine';
import { answered, requestSignal } from '#http';
import { EVENT_FILTERS, eventLine, eventMatches } from '../event-log.ts';
import { jsonLines } from '../json-lines.ts';
import { filtersOf, textOf } from '../request.ts';
import type { DaemonParts } from '../types.ts';

/** Resolves when `until` has come or the client has gone. */
const untilTime = (untilNs: bigint | undefined, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (untilNs === undefined) return;
    const ms = Number(untilNs / 1_000_000n) - Date.now();
    const timer = setTimeout(resolve, Math.max(0, Math.min(ms, 2 ** 31 - 1)));
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });

/** GET /events: first what is remembered since `since`, then what happens, until `until`. */
const stream = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const filters = checkFilters(filtersOf(c), EVENT_FILTERS);
  const sinceNs = parseTimestamp('since', textOf(c, 'since'));
  const untilNs = parseTimestamp('until', textOf(c, 'until'));
  const lines = jsonLines(c);
  const show = (event: EngineEvent): void => {
    if (untilNs !== undefined && event.timeNs > untilNs) return;
    if (eventMatches(event, filters)) lines.writeText(eventLine(event));
  };
  lines.begin();
  using subscription = parts.events.subscribe(show);
  if (sinceNs !== undefined)
    for (const event of parts.events.recent()) if (event.timeNs >= sinceNs) show(event);
  await untilTime(untilNs, requestSignal(c));
  subscription[Symbol.dispose]();
  lines.end();
  return answered();
};

export const eventRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.get('/events', (c) => stream(c, parts));
  return app;
};
