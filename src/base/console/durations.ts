import { parseDuration } from '#units';
import { consoleErrors } from './errors.ts';

/**
 * Nanoseconds of a Go duration such as `1h2m3.5s`.
 *
 * @throws CONSOLE_DURATION_INVALID
 */
export const requireDuration = (text: string): number => {
  const nanoseconds = parseDuration(text);
  if (nanoseconds === undefined) throw consoleErrors.durationInvalid({ text });
  return nanoseconds;
};

const two = (value: number): string => String(value).padStart(2, '0');

let zoneFormat: Intl.DateTimeFormat | undefined;
const zoneNames = new Map<string, string>();

/** Asks for the name once for each offset of each year: lists have many times, and asking is slow. */
const zoneName = (date: Date): string => {
  const key = `${date.getFullYear()} ${date.getTimezoneOffset()}`;
  const known = zoneNames.get(key);
  if (known !== undefined) return known;
  zoneFormat ??= new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' });
  const part = zoneFormat.formatToParts(date).find(({ type }) => type === 'timeZoneName');
  const name = part?.value ?? 'UTC';
  zoneNames.set(key, name);
  return name;
};

const offsetOf = (date: Date): readonly [string, string, string] => {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return [minutes < 0 ? '-' : '+', two(Math.trunc(size / 60)), two(size % 60)];
};

const dayOf = (date: Date): string =>
  `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
const clockOf = (date: Date): string =>
  `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

/** Go's `Time.String()` of seconds since 1970 in local time: `2026-11-20 10:11:12 +0100 CET`. */
export const goTime = (seconds: number): string => {
  const date = new Date(seconds * 1000);
  return `${dayOf(date)} ${clockOf(date)} ${offsetOf(date).join('')} ${zoneName(date)}`;
};

/** Go's `Time.String()` of an RFC 3339 time in UTC, fraction included; other texts stay as they are. */
export const goTimeOf = (text: string): string => {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/.exec(text);
  if (match === null) return text;
  const [, day = '', clock = '', fraction = ''] = match;
  return `${day} ${clock}${fraction.replace(/\.?0+$/, '')} +0000 UTC`;
};

/** RFC 3339 in local time, with nanoseconds where `nanos` is given: `2026-11-20T10:11:12+01:00`. */
export const localRfc3339 = (seconds: number, nanos?: bigint): string => {
  const date = new Date(seconds * 1000);
  const [sign, hours, minutes] = offsetOf(date);
  const fraction = nanos === undefined ? '' : `.${String(nanos % 1_000_000_000n).padStart(9, '0')}`;
  const zone = date.getTimezoneOffset() === 0 ? 'Z' : `${sign}${hours}:${minutes}`;
  return `${dayOf(date)}T${clockOf(date)}${fraction}${zone}`;
};

/** Go's ANSIC form of an RFC 3339 time, in UTC: `Fri Nov 20 10:11:12 2026`; other texts stay as they are. */
export const ansicTime = (text: string): string => {
  const date = new Date(text);
  if (text === '' || Number.isNaN(date.getTime())) return text;
  const utc = date.toUTCString();
  const day = String(date.getUTCDate()).padStart(2, ' ');
  return `${utc.slice(0, 3)} ${utc.slice(8, 11)} ${day} ${utc.slice(17, 25)} ${date.getUTCFullYear()}`;
};
