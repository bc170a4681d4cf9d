import { consoleErrors } from './errors.ts';

const DECIMAL = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB'];

/** Go's %.4g: at most `digits` significant digits, no trailing zeros, no exponent for what sizes can be. */
const significant = (value: number, digits: number): string => {
  const fixed = value.toPrecision(digits);
  return String(Number(fixed));
};

const scaled = (size: number, base: number, units: readonly string[]): readonly [number, string] => {
  let [value, unit] = [size, 0];
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit += 1;
  }
  return [value, units[unit] ?? ''];
};

/** Docker's decimal size, such as `1.23MB`; `digits` significant digits (docker's tables use 3, its totals 4). */
export const humanSize = (bytes: number, digits = 4): string => {
  const [value, unit] = scaled(bytes, 1000, DECIMAL);
  return significant(value, digits) + unit;
};

/** Docker's binary size, such as `1.205GiB` (memory in `stats` and `info`). */
export const binarySize = (bytes: number): string => {
  const [value, unit] = scaled(bytes, 1024, BINARY);
  return significant(value, 4) + unit;
};

const POWERS: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/**
 * Bytes that docker's `--memory 512m` means: units are powers of 1024, with or without `b` or `ib`. Never negative.
 *
 * @throws CONSOLE_SIZE_INVALID
 */
export const parseBytes = (text: string): number => {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text.trim());
  const power = POWERS[(match?.[2] ?? '?').toLowerCase()];
  if (match === null || power === undefined) throw consoleErrors.sizeInvalid({ text });
  const bytes = Math.trunc(Number(match[1]) * 1024 ** power);
  if (!Number.isSafeInteger(bytes)) throw consoleErrors.sizeInvalid({ text });
  return bytes;
};
