const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gu;
const WHOLE = /^([-+]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/u;

/** Nanoseconds of a duration as Go's time.ParseDuration reads it (`1h30m`, `-1.5s`, `0`), or undefined. */
export const parseDuration = (text: string): number | undefined => {
  if (/^[-+]?0$/u.test(text)) return 0;
  const [, sign, parts = ''] = WHOLE.exec(text) ?? [];
  if (sign === undefined) return undefined;
  let total = 0;
  for (const [, value, unit = ''] of parts.matchAll(PART)) total += Number(value) * (NANOSECONDS[unit] ?? 0);
  return Math.round(sign === '-' ? -total : total);
};

/** Docker's rough age of `ms` milliseconds: `Less than a second`, `3 minutes`, `About an hour`, `2 weeks`. */
export const humanDuration = (ms: number): string => {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(seconds / 3600 / 24 / 365)} years`;
};
