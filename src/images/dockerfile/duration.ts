const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

const FORM = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)/u;

/** Nanoseconds of a duration as Go writes it (`1h30m`, `1.5s`), or undefined when it is none. */
export const parseDuration = (text: string): number | undefined => {
  if (text === '0') return 0;
  const negative = text.startsWith('-');
  let rest = text.replace(/^[+-]/u, '');
  if (rest === '') return undefined;
  let total = 0;
  while (rest !== '') {
    const match = FORM.exec(rest)?.[0];
    if (match === undefined) return undefined;
    const unit = match.replace(/^[\d.]+/u, '');
    total += Number.parseFloat(match) * (UNITS[unit] ?? 0);
    rest = rest.slice(match.length);
  }
  return Math.round(negative ? -total : total);
};
