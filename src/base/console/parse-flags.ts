import { consoleErrors } from './errors.ts';
import { requireDuration } from './durations.ts';
import type { FlagSpec, FlagTable, FlagValues } from './flags.ts';
import { parseBytes } from './sizes.ts';
import { nearest } from './suggest.ts';

export interface ParseOptions {
  /** The words that name the command, for hints: `lade run`. */
  readonly command: string;
  /** False where everything after the first positional argument belongs to the container. */
  readonly interspersed?: boolean | undefined;
}

export interface ParsedFlags<T extends FlagTable> {
  readonly flags: FlagValues<T>;
  /** Long names of the flags that were given. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
  /** `--help` was given. */
  readonly help: boolean;
}

type Scalar = string | number | boolean;

interface Reading {
  readonly table: FlagTable;
  readonly options: ParseOptions;
  readonly values: Map<string, Scalar | string[]>;
  readonly args: string[];
  help: boolean;
  readonly rest: string[];
}

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

const parseBool = (text: string): boolean => {
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw new Error(`strconv.ParseBool: parsing "${text}": invalid syntax`);
};

const parseNumber = (text: string, pattern: RegExp, kind: string): number => {
  if (!pattern.test(text)) throw new Error(`strconv.${kind}: parsing "${text}": invalid syntax`);
  return Number(text);
};

const convert = (spec: FlagSpec, text: string): Scalar => {
  switch (spec.kind) {
    case 'bool':
      return parseBool(text);
    case 'int':
      return parseNumber(text, /^[-+]?\d+$/, 'ParseInt');
    case 'float':
      return parseNumber(text, /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i, 'ParseFloat');
    case 'bytes':
      return spec.orUnlimited === true && text === '-1' ? -1 : parseBytes(text);
    case 'duration':
      return requireDuration(text);
    case 'string':
    case 'list':
      return text;
    default:
      return spec.kind satisfies never;
  }
};

const shownName = (name: string, spec: FlagSpec): string =>
  spec.short === undefined ? `--${name}` : `-${spec.short}, --${name}`;

const store = (reading: Reading, flag: readonly [string, FlagSpec], text: string): void => {
  const [name, spec] = flag;
  const target = spec.aliasOf ?? name;
  let value: Scalar;
  try {
    value = convert(spec, text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw consoleErrors.flagValueInvalid({ flag: shownName(name, spec), value: text, problem }, error);
  }
  if (spec.kind !== 'list') {
    reading.values.set(target, value);
    return;
  }
  const list = reading.values.get(target);
  if (Array.isArray(list)) list.push(text);
  else reading.values.set(target, [text]);
};

const helpHint = (reading: Reading, instead: string | undefined): string => {
  const help = `run '${reading.options.command} --help' for more information`;
  return instead === undefined ? help : `did you mean ${instead}? Otherwise ${help}`;
};

const takeNext = (reading: Reading, flag: string): string => {
  const next = reading.rest.shift();
  if (next === undefined) throw consoleErrors.flagValueMissing({ flag, hint: helpHint(reading, undefined) });
  return next;
};

/** What a flag means that stands alone; undefined when it takes the next word. */
const aloneOf = (spec: FlagSpec): string | undefined => (spec.kind === 'bool' ? 'true' : spec.bare);

const readLong = (reading: Reading, token: string): void => {
  const split = token.indexOf('=');
  const name = token.slice(2, split === -1 ? undefined : split);
  const spec = Object.hasOwn(reading.table, name) ? reading.table[name] : undefined;
  if (spec === undefined) {
    if (name === 'help') reading.help = true;
    else throw unknownLong(reading, name);
    return;
  }
  if (split !== -1) store(reading, [name, spec], token.slice(split + 1));
  else store(reading, [name, spec], aloneOf(spec) ?? takeNext(reading, `--${name}`));
};

const unknownLong = (reading: Reading, name: string): Error => {
  const known = Object.entries(reading.table).filter(([, spec]) => spec.hidden !== true);
  const near = nearest(name, [...known.map(([long]) => long), 'help']);
  const hint = helpHint(reading, near === undefined ? undefined : `--${near}`);
  return consoleErrors.flagUnknown({ flag: `--${name}`, hint });
};

const byLetter = (table: FlagTable, letter: string): readonly [string, FlagSpec] | undefined =>
  Object.entries(table).find(([, spec]) => spec.short === letter);

/** `-it`, `-p8080:80`, `-p=443:443`, `-p 1:1`, `-i=false`. */
const readCluster = (reading: Reading, token: string): void => {
  for (let at = 1; at < token.length; at += 1) {
    const letter = token.charAt(at);
    const flag = byLetter(reading.table, letter);
    if (flag === undefined) {
      if (letter !== 'h')
        throw consoleErrors.shorthandUnknown({ letter, token, hint: helpHint(reading, undefined) });
      reading.help = true;
      continue;
    }
    const rest = token.slice(at + 1);
    if (flag[1].kind === 'bool' && !rest.startsWith('=')) {
      store(reading, flag, 'true');
      continue;
    }
    if (rest.startsWith('=')) store(reading, flag, rest.slice(1));
    else store(reading, flag, rest === '' ? takeNext(reading, `'${letter}' in ${token}`) : rest);
    return;
  }
};

const readAll = (reading: Reading): void => {
  for (let token = reading.rest.shift(); token !== undefined; token = reading.rest.shift()) {
    if (token === '--') {
      reading.args.push(...reading.rest.splice(0));
    } else if (token.startsWith('--')) {
      readLong(reading, token);
    } else if (token.startsWith('-') && token !== '-') {
      readCluster(reading, token);
    } else {
      reading.args.push(token);
      if (reading.options.interspersed === false) reading.args.push(...reading.rest.splice(0));
    }
  }
};

const initial = (spec: FlagSpec): boolean | readonly string[] | undefined => {
  if (spec.kind === 'bool') return spec.on ?? false;
  return spec.kind === 'list' ? [] : undefined;
};

/**
 * Parses `argv` (without the command's own words) by the rules of docker's flags (spf13/pflag): the last scalar wins,
 * lists accumulate, a bool takes a value only after `=`.
 *
 * @throws CONSOLE_FLAG_UNKNOWN, CONSOLE_SHORTHAND_UNKNOWN, CONSOLE_FLAG_VALUE_MISSING, CONSOLE_FLAG_VALUE_INVALID
 */
export const parseFlags = <T extends FlagTable>(
  table: T,
  argv: readonly string[],
  options: ParseOptions,
): ParsedFlags<T> => {
  const reading: Reading = { table, options, values: new Map(), args: [], help: false, rest: [...argv] };
  readAll(reading);
  const entries = Object.entries(table).map(([name, spec]) => [
    name,
    reading.values.get(name) ?? initial(spec),
  ]);
  return {
    flags: Object.fromEntries(entries) as FlagValues<T>,
    given: new Set(reading.values.keys()),
    args: reading.args,
    help: reading.help,
  };
};
