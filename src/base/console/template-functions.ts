import { consoleErrors } from './errors.ts';
import { NO_VALUE, goPrintf, goQuote, goSprint, goString } from './go-format.ts';

export type TemplateFunction = (...values: readonly unknown[]) => unknown;

const fault = (problem: string): Error => consoleErrors.templateInvalid({ problem });

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Go's truth: false, 0, nil and what is empty are false. */
export const isTrue = (value: unknown): boolean => {
  if (value === NO_VALUE || value === null || value === undefined) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (isRecord(value)) return Object.keys(value).length > 0;
  return value !== false && value !== 0 && value !== '';
};

const textOf = (name: string, value: unknown): string => {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined || value === NO_VALUE) return '';
  throw fault(`error calling ${name}: wrong type for value; expected string; got ${typeof value}`);
};

const plain = (value: unknown): unknown => (value === NO_VALUE || value === undefined ? null : value);

/** Marks a whole line of a list: docker writes its JSON with `<`, `>` and `&` as escapes. */
export const WHOLE_ROW: unique symbol = Symbol('whole row');

const escapeCharacter = (character: string): string =>
  `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;

const toJson = (value: unknown): string => {
  const text = JSON.stringify(plain(value));
  const row = typeof value === 'object' && value !== null && WHOLE_ROW in value;
  return text.replaceAll(row ? /[<>&\u2028\u2029]/g : /[\u2028\u2029]/g, escapeCharacter);
};

/** Made when it is needed: reading a class of Unicode costs every start of the command line. */
const wordStart = (): RegExp => new RegExp(String.raw`(^|\s|[^\p{L}\p{N}'_])(\p{L})`, 'gu');

const lengthOf = (value: unknown): number => {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (isRecord(value)) return Object.keys(value).length;
  throw fault(`error calling len: len of ${value === null ? 'nil pointer' : `type ${typeof value}`}`);
};

const indexInto = (value: unknown, key: unknown): unknown => {
  if (Array.isArray(value)) {
    const at = typeof key === 'number' ? key : Number.NaN;
    if (!Number.isInteger(at)) throw fault('error calling index: cannot index slice/array with that type');
    if (at < 0 || at >= value.length) throw fault(`error calling index: index out of range: ${at}`);
    return value[at] as unknown;
  }
  if (typeof value === 'string') return Buffer.from(value)[Number(key)];
  if (isRecord(value)) return Object.hasOwn(value, String(key)) ? value[String(key)] : '';
  throw fault('error calling index: index of untyped nil');
};

const sliceOf = (value: unknown, from = 0, to?: number): unknown => {
  if (typeof value !== 'string' && !Array.isArray(value))
    throw fault('error calling slice: cannot slice this value');
  const end = to ?? value.length;
  if (from < 0 || end > value.length || from > end)
    throw fault(`error calling slice: index out of range: ${end > value.length ? end : from}`);
  return value.slice(from, end);
};

const compare = (a: unknown, b: unknown): number => {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : Number(a !== b);
  throw fault('error calling lt: incompatible types for comparison');
};

const equal = (a: unknown, b: unknown): boolean => {
  const [left, right] = [plain(a), plain(b)];
  if (left !== null && right !== null && typeof left !== typeof right)
    throw fault('error calling eq: incompatible types for comparison');
  return left === right;
};

const joinAll = (value: unknown, separator: unknown): string => {
  if (value === null || value === undefined || value === NO_VALUE) return '';
  if (Array.isArray(value)) return value.map(goString).join(textOf('join', separator));
  if (isRecord(value)) return Object.values(value).map(goString).toSorted().join(textOf('join', separator));
  throw fault(`error calling join: expected slice, got ${typeof value}`);
};

const padded = (value: unknown, before: unknown, after: unknown): string => {
  const text = textOf('pad', value);
  return text === '' ? '' : ' '.repeat(Number(before)) + text + ' '.repeat(Number(after));
};

const HTML: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  '"': '&#34;',
  "'": '&#39;',
};

/** The functions of text/template and docker's own. `and` and `or` are the evaluator's, because they stop early. */
export const TEMPLATE_FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  json: (value) => toJson(value),
  split: (value, separator) => textOf('split', value).split(textOf('split', separator)),
  join: (value, separator) => joinAll(value, separator),
  title: (value) => textOf('title', value).replaceAll(wordStart(), (all) => all.toUpperCase()),
  lower: (value) => textOf('lower', value).toLowerCase(),
  upper: (value) => textOf('upper', value).toUpperCase(),
  pad: (value, before, after) => padded(value, before, after),
  truncate: (value, length) => textOf('truncate', value).slice(0, Number(length)),
  not: (value) => !isTrue(value),
  len: (value) => lengthOf(value),
  index: (value, ...keys) => keys.reduce((inner, key) => indexInto(inner, key), value),
  slice: (value, from, to) => sliceOf(value, from as number, to as number),
  print: (...values) => goSprint(values),
  printf: (format, ...values) => goPrintf(textOf('printf', format), values),
  println: (...values) => `${values.map(goString).join(' ')}\n`,
  html: (...values) => goSprint(values).replaceAll(/[<>&"']/g, (character) => HTML[character] ?? ''),
  js: (...values) => goQuote(goSprint(values)).slice(1, -1),
  urlquery: (...values) => encodeURIComponent(goSprint(values)).replaceAll('%20', '+'),
  eq: (first, ...others) => others.some((other) => equal(first, other)),
  ne: (a, b) => !equal(a, b),
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
};

/** In a table's heading row docker's own functions leave the heading as it is. */
export const HEADING_FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  ...TEMPLATE_FUNCTIONS,
  ...Object.fromEntries(
    ['json', 'split', 'join', 'title', 'lower', 'upper', 'truncate'].map((name) => [
      name,
      (value: unknown) => value,
    ]),
  ),
};
