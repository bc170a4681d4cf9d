import { parseDuration } from './durations.ts';

const NS_PER_MS = 1e6;

/**
 * Milliseconds since 1970 of what a filter such as `until` names: seconds since 1970 (`1700000000.5`), a duration
 * before `now` (`24h`), or a date (RFC 3339 and its beginnings); undefined when it is none of them.
 */
export const parseInstant = (text: string, now = Date.now()): number | undefined => {
  if (/^\d+(\.\d+)?$/u.test(text)) return Number(text) * 1000;
  const duration = parseDuration(text);
  if (duration !== undefined) return now - duration / NS_PER_MS;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
};
