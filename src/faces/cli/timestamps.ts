import { requireDuration } from '#console';
import { cliErrors } from './errors.ts';

const fraction = (digits: string): string => digits.padEnd(9, '0').slice(0, 9);

const fromDate = (text: string): string | undefined => {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d))?(?:\.(\d+))?)?(Z|[-+]\d\d:?\d\d)?$/.exec(
    text,
  );
  if (match === null) return undefined;
  const [, day = '', clock = '00:00', seconds = '00', nanos = '', zone = ''] = match;
  const time = Date.parse(`${day}T${clock}:${seconds}${zone}`);
  return Number.isNaN(time) ? undefined : `${Math.trunc(time / 1000)}.${fraction(nanos)}`;
};

/**
 * `--since` and `--until` as the API takes them, `seconds.nanoseconds`: a unix time, a date (local where it names no
 * zone), or a duration before now such as `10m`.
 *
 * @throws CLI_ARGUMENT_INVALID
 */
export const toTimestamp = (text: string | undefined): string | undefined => {
  if (text === undefined || text === '') return undefined;
  if (/^\d+(\.\d{1,9})?$/.test(text)) return text;
  const date = fromDate(text);
  if (date !== undefined) return date;
  try {
    const millis = Date.now() - requireDuration(text) / 1e6;
    return `${Math.trunc(millis / 1000)}.${fraction(String(Math.trunc(millis % 1000)).padStart(3, '0'))}`;
  } catch (error) {
    const advice = 'write a unix time, a date such as 2026-01-31T12:00:00, or a duration such as 10m';
    throw cliErrors.argumentInvalid({ problem: `invalid time: ${text}`, advice }, error);
  }
};
