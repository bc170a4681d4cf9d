/** A field that is not there; it prints as Go's `<no value>`. */
export const NO_VALUE: unique symbol = Symbol('<no value>');

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Go's `fmt.Sprint` of one value; objects print as maps with sorted keys. */
export const goString = (value: unknown): string => {
  if (value === NO_VALUE) return '<no value>';
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goString).join(' ')}]`;
  if (isRecord(value)) {
    const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, item]) => `${key}:${goString(item)}`).join(' ')}]`;
  }
  if (typeof value === 'number' && !Number.isInteger(value)) return goFloat(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
};

const goFloat = (value: number): string => {
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -4 && exponent < 21) return String(value);
  return value.toExponential().replace(/e([-+])(\d)$/, 'e$10$2');
};

/** Go's `strconv.Quote`. */
export const goQuote = (text: string): string =>
  JSON.stringify(text)
    .replaceAll(/\\u00([01][\da-f])/g, '\\x$1')
    .replaceAll('\\b', '\\b')
    .replaceAll('\u007F', '\\x7f')
    .replaceAll(/[\u0080-\u00A0\u2028\u2029\u202A-\u202E]/g, (character) => {
      const code = character.codePointAt(0) ?? 0;
      return `\\u${code.toString(16).padStart(4, '0')}`;
    });

interface Directive {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly verb: string;
}

const hexOf = (value: unknown): string =>
  typeof value === 'number' ? value.toString(16) : Buffer.from(goString(value)).toString('hex');

const cut = (text: string, precision: number | undefined): string =>
  precision === undefined ? text : Array.from(text).slice(0, precision).join('');

const quoteAll = (value: unknown): string =>
  Array.isArray(value) ? `[${value.map((item) => quoteAll(item)).join(' ')}]` : goQuote(goString(value));

const formatOne = (directive: Directive, value: unknown): string => {
  const { verb, precision } = directive;
  const number = typeof value === 'number' ? value : undefined;
  switch (verb) {
    case 's':
    case 'v':
      return cut(goString(value), precision);
    case 'q':
      return quoteAll(value);
    case 't':
      return typeof value === 'boolean' ? String(value) : `%!t(${goString(value)})`;
    case 'd':
      return number === undefined ? `%!d(${typeof value}=${goString(value)})` : String(Math.trunc(number));
    case 'x':
      return hexOf(value);
    case 'X':
      return hexOf(value).toUpperCase();
    case 'o':
      return (number ?? 0).toString(8);
    case 'c':
      return String.fromCodePoint(number ?? 0xfffd);
    case 'f':
    case 'F':
      return number === undefined
        ? `%!f(${typeof value}=${goString(value)})`
        : number.toFixed(precision ?? 6);
    case 'e':
      return (number ?? 0).toExponential(precision ?? 6);
    case 'g':
      return number === undefined ? goString(value) : goFloat(number);
    default:
      return `%!${verb}(${goString(value)})`;
  }
};

const padOut = (directive: Directive, text: string): string => {
  const missing = directive.width - Array.from(text).length;
  if (missing <= 0) return text;
  if (directive.flags.includes('-')) return text + ' '.repeat(missing);
  const zeros = directive.flags.includes('0') && /[dfxX]/.test(directive.verb);
  if (!zeros) return ' '.repeat(missing) + text;
  return text.startsWith('-') ? `-${'0'.repeat(missing)}${text.slice(1)}` : '0'.repeat(missing) + text;
};

/** Go's `fmt.Sprintf`, for the verbs that formats use. */
export const goPrintf = (format: string, values: readonly unknown[]): string => {
  let next = 0;
  const text = format.replaceAll(
    /%([-+# 0]*)(\d*|\*)(?:\.(\d*))?([a-zA-Z%])/g,
    (...match: readonly (string | undefined)[]) => {
      const [, flags = '', width = '', precision, verb = ''] = match;
      if (verb === '%') return '%';
      const wide = width === '*' ? Number(values[next++]) : Number(width);
      if (next >= values.length) return `%!${verb}(MISSING)`;
      const value = values[next++];
      const directive = {
        flags,
        width: wide,
        precision: precision === undefined ? undefined : Number(precision),
        verb,
      };
      const plus = flags.includes('+') && typeof value === 'number' && value >= 0 && verb !== 'x' ? '+' : '';
      return padOut(directive, plus + formatOne(directive, value));
    },
  );
  if (next >= values.length) return text;
  const extra = values.slice(next).map((value) => `${typeof value}=${goString(value)}`);
  return `${text}%!(EXTRA ${extra.join(', ')})`;
};

/** Go's `fmt.Sprint`: a blank between neighbours neither of which is a string. */
export const goSprint = (values: readonly unknown[]): string =>
  values
    .map((value, index) => {
      const blank = index > 0 && typeof value !== 'string' && typeof values[index - 1] !== 'string';
      return (blank ? ' ' : '') + goString(value);
    })
    .join('');
