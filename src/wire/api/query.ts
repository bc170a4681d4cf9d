import { apiErrors } from './errors.ts';

/** Docker's filters: each key with the values it may have. */
export type Filters = Readonly<Record<string, readonly string[]>>;

const FALSE_WORDS = new Set(['', '0', 'no', 'false', 'none']);

/** Docker's reading of a truth value: everything is true but nothing, `0`, `no`, `false` and `none`. */
export const parseFlag = (value: string | undefined, absent = false): boolean =>
  value === undefined ? absent : !FALSE_WORDS.has(value.trim().toLowerCase());

/** A whole number, or undefined where the parameter is absent or empty. */
export const parseWhole = (name: string, value: string | undefined): number | undefined => {
  if (value === undefined || value === '') return undefined;
  if (!/^-?\d{1,15}$/.test(value))
    throw apiErrors.parameterInvalid({ name, value, expected: 'a whole number' });
  return Number(value);
};

/**
 * A point in time as Docker writes it: `seconds[.nanoseconds]` since 1970, or RFC 3339. Absent, empty and `0` mean
 * undefined.
 *
 * @returns nanoseconds since 1970
 */
export const parseTimestamp = (name: string, value: string | undefined): bigint | undefined => {
  if (value === undefined || value === '' || value === '0') return undefined;
  const unix = /^(-?\d{1,12})(?:\.(\d{1,9})\d*)?$/.exec(value);
  if (unix !== null) return BigInt(unix[1] ?? 0) * 1_000_000_000n + BigInt((unix[2] ?? '').padEnd(9, '0'));
  const milliseconds = Date.parse(value);
  if (Number.isNaN(milliseconds))
    throw apiErrors.parameterInvalid({ name, value, expected: 'seconds since 1970 or an RFC 3339 time' });
  return BigInt(milliseconds) * 1_000_000n;
};

const filterValues = (name: string, value: string, entry: unknown): readonly string[] => {
  if (Array.isArray(entry)) return entry.map(String);
  if (typeof entry === 'object' && entry !== null)
    return Object.entries(entry).flatMap(([key, chosen]) => (chosen === false ? [] : [key]));
  throw apiErrors.parameterInvalid({ name, value, expected: 'a JSON map of lists' });
};

/** The `filters` parameter: `{"key":["value"]}`, or the old form `{"key":{"value":true}}`. */
export const parseFilters = (value: string | undefined): Filters => {
  if (value === undefined || value === '') return {};
  const parsed = parseJsonParameter('filters', value);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw apiErrors.parameterInvalid({ name: 'filters', value, expected: 'a JSON map of lists' });
  return Object.fromEntries(
    Object.entries(parsed).map(([key, entry]) => [key, filterValues('filters', value, entry)]),
  );
};

/** A query parameter that carries JSON. */
export const parseJsonParameter = (name: string, value: string): unknown => {
  try {
    return JSON.parse(value) as unknown;
  } catch (error) {
    throw apiErrors.parameterInvalid({ name, value, expected: `JSON (${String(error)})` });
  }
};

/** Refuses a filter that the call does not know, by its name. */
export const checkFilters = (filters: Filters, known: readonly string[]): Filters => {
  const stranger = Object.keys(filters).find((key) => !known.includes(key));
  if (stranger !== undefined)
    throw apiErrors.parameterInvalid({
      name: 'filters',
      value: stranger,
      expected: `one of ${known.join(', ')}`,
    });
  return filters;
};
