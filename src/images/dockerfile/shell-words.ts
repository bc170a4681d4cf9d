import { dockerfileErrors } from './errors.ts';
import { replacePattern, withoutPrefix, withoutSuffix } from './shell-pattern.ts';
import { isSpace } from './source-text.ts';

/** Variables by name. A name that is present with the empty string is set. */
export type Variables = Readonly<Record<string, string>> | ReadonlyMap<string, string>;

export interface ExpandOptions {
  readonly escape?: '\\' | '`' | undefined;
  /** Keep quotes in the result. */
  readonly rawQuotes?: boolean | undefined;
  /** Keep escape characters in the result. */
  readonly rawEscapes?: boolean | undefined;
  /** Leave references to unset variables as they are written. */
  readonly keepUnset?: boolean | undefined;
  /** Quotes are ordinary characters, as in heredoc bodies. */
  readonly ignoreQuotes?: boolean | undefined;
}

export interface Expansion {
  /** The word with its variables replaced and its quotes removed. */
  readonly value: string;
  /** The value split at unquoted white space, which variables may bring. */
  readonly words: readonly string[];
  /** Names of variables that were set and used. */
  readonly used: ReadonlySet<string>;
  /** Names of variables that were referred to and are not set. */
  readonly unset: ReadonlySet<string>;
}

const END = '';
const DIGIT = /^\p{Nd}$/u;
const NAME_CHARACTER = /^[\p{L}\p{Nd}_]$/u;
const SPECIAL_PARAMETERS = '@*#?-$!0';
/** Longest text that a word may become; no program could be started with a longer one. */
const MAX_EXPANSION = 1 << 20;
const TOO_LARGE = 'the variables make more than a million characters of it';
const MISSING_BRACE = "syntax error: missing '}'";

/** One pass over one word. Faults are thrown as Error with a short reason; `expandWord` gives them a place. */
interface Scan {
  readonly input: readonly string[];
  readonly escape: string;
  readonly variables: Variables;
  readonly options: ExpandOptions;
  readonly used: Set<string>;
  readonly unset: Set<string>;
  at: number;
  rawEscapes: boolean;
}

const peek = (scan: Scan): string => scan.input[scan.at] ?? END;
const take = (scan: Scan): string => scan.input[scan.at++] ?? END;

/** Collects words: white space separates them unless it came in raw. */
const createWordCollector = () => {
  const words: string[] = [];
  let word = '';
  let inWord = false;
  const raw = (text: string): void => {
    word += text;
    inWord = true;
  };
  const character = (one: string): void => {
    if (!isSpace(one)) return raw(one);
    if (!inWord || word === '') return;
    words.push(word);
    word = '';
    inWord = false;
  };
  const finish = (): readonly string[] => (word === '' ? words : [...words, word]);
  return { raw, character, finish };
};

const valueOf = (variables: Variables, name: string): string | undefined => {
  if (variables instanceof Map) return variables.get(name);
  const record = variables as Readonly<Record<string, string>>;
  return Object.hasOwn(record, name) ? record[name] : undefined;
};

const lookUp = (scan: Scan, name: string): string | undefined => {
  const value = valueOf(scan.variables, name);
  (value === undefined ? scan.unset : scan.used).add(name);
  return value;
};

const takeWhile = (scan: Scan, form: RegExp): string => {
  let taken = '';
  while (form.test(peek(scan))) taken += take(scan);
  return taken;
};

const takeName = (scan: Scan): string => {
  const first = peek(scan);
  if (DIGIT.test(first)) return takeWhile(scan, DIGIT);
  if (first !== END && SPECIAL_PARAMETERS.includes(first)) return take(scan);
  return takeWhile(scan, NAME_CHARACTER);
};

/** What stands before `stop`, with `missing` as the reason when the word ends before it. */
const operand = (scan: Scan, stop: string, options: { raw: boolean; missing: string }): string => {
  const before = scan.rawEscapes;
  scan.rawEscapes = options.raw;
  try {
    return until(scan, stop).value;
  } catch (error) {
    if (peek(scan) === END) throw new Error(options.missing, { cause: error });
    throw error;
  } finally {
    scan.rawEscapes = before;
  }
};

interface Modifier {
  readonly name: string;
  readonly colon: boolean;
  readonly operator: string;
}

const required = ({ name, colon }: Modifier, value: string | undefined, message: string): string => {
  if (value === undefined)
    throw new Error(`${name}: ${message === '' ? 'is not allowed to be unset' : message}`);
  if (colon && value === '') {
    throw new Error(`${name}: ${message === '' ? 'is not allowed to be empty' : message}`);
  }
  return value;
};

const withPattern = (pattern: string, run: () => string): string => {
  try {
    return run();
  } catch (error) {
    throw new Error(`invalid pattern (${pattern}) in substitution: ${String(error)}`, { cause: error });
  }
};

const trimmed = (operator: string, value: string, written: string): string => {
  const greedy = written.startsWith(operator);
  const pattern = greedy ? written.slice(1) : written;
  const trim = operator === '%' ? withoutSuffix : withoutPrefix;
  return withPattern(pattern, () => trim(value, pattern, greedy));
};

/** `${name:-word}` and its relatives, after the operator. */
const modified = (scan: Scan, modifier: Modifier): string => {
  const { name, colon, operator } = modifier;
  const trims = operator === '#' || operator === '%';
  const written = operand(scan, '}', { raw: trims, missing: MISSING_BRACE });
  const value = lookUp(scan, name);
  const sign = `${colon ? ':' : ''}${operator}`;
  if (value === undefined && scan.options.keepUnset === true) return `\${${name}${sign}${written}}`;
  const missing = value === undefined || (colon && value === '');
  if (operator === '-') return missing ? written : value;
  if (operator === '+') return missing ? '' : written;
  if (operator === '?') return required(modifier, value, written);
  if (trims) return trimmed(operator, value ?? '', written);
  throw new Error(`unsupported modifier (${sign}) in substitution`);
};

/** `${name/pattern/replacement}`, after the first slash. */
const replaced = (scan: Scan, name: string): string => {
  const all = peek(scan) === '/';
  if (all) take(scan);
  const pattern = operand(scan, '/', { raw: true, missing: "syntax error: missing '/' in ${}" });
  const replacement = operand(scan, '}', { raw: true, missing: MISSING_BRACE });
  const value = lookUp(scan, name);
  if (value === undefined && scan.options.keepUnset === true) return `\${${name}/${pattern}/${replacement}}`;
  return withPattern(pattern, () =>
    replacePattern(value ?? '', { pattern, replacement, all, limit: MAX_EXPANSION }),
  );
};

const braced = (scan: Scan): string => {
  take(scan);
  if (peek(scan) === END) throw new Error(MISSING_BRACE);
  if ('{}:'.includes(peek(scan))) throw new Error('syntax error: bad substitution');
  const name = takeName(scan);
  const operator = take(scan);
  if (operator === END) throw new Error(MISSING_BRACE);
  if (operator === '}') return lookUp(scan, name) ?? (scan.options.keepUnset === true ? `\${${name}}` : '');
  if (operator === ':') return modified(scan, { name, colon: true, operator: take(scan) });
  if (operator === '/') return replaced(scan, name);
  if ('+-?#%'.includes(operator)) return modified(scan, { name, colon: false, operator });
  throw new Error(`unsupported modifier (${operator}) in substitution`);
};

const dollar = (scan: Scan): string => {
  take(scan);
  if (peek(scan) === '{') return braced(scan);
  const name = takeName(scan);
  if (name === '') return '$';
  return lookUp(scan, name) ?? (scan.options.keepUnset === true ? `$${name}` : '');
};

const openQuote = (scan: Scan): string => {
  const quote = take(scan);
  return scan.options.rawQuotes === true ? quote : '';
};

const singleQuoted = (scan: Scan): string => {
  const quote = openQuote(scan);
  let result = quote;
  for (;;) {
    const character = take(scan);
    if (character === END)
      throw new Error('unexpected end of statement while looking for matching single-quote');
    if (character === "'") return result + quote;
    result += character;
  }
};

/** After the escape character inside double quotes: it escapes only `"`, `$` and itself. */
const escapedInQuotes = (scan: Scan): string => {
  const kept = scan.rawEscapes ? scan.escape : '';
  const next = peek(scan);
  if (next === END) return kept;
  return kept + (next === '"' || next === '$' || next === scan.escape ? take(scan) : scan.escape);
};

const doubleQuoted = (scan: Scan): string => {
  const quote = openQuote(scan);
  let result = quote;
  for (;;) {
    const character = peek(scan);
    if (character === END)
      throw new Error('unexpected end of statement while looking for matching double-quote');
    if (character === '$') {
      result += dollar(scan);
      continue;
    }
    take(scan);
    if (character === '"') return result + quote;
    result += character === scan.escape ? escapedInQuotes(scan) : character;
  }
};

/** `<<` and the blanks after it belong to the word that follows: the mark of a heredoc. */
const angle = (scan: Scan): string => {
  take(scan);
  if (peek(scan) !== '<') return '<';
  take(scan);
  return `<<${takeWhile(scan, /^[ \t]$/u)}`;
};

const specialFor = (scan: Scan, character: string): ((scan: Scan) => string) | undefined => {
  if (character === '$') return dollar;
  if (character === '<') return angle;
  if (scan.options.ignoreQuotes === true) return undefined;
  if (character === "'") return singleQuoted;
  return character === '"' ? doubleQuoted : undefined;
};

type WordCollector = ReturnType<typeof createWordCollector>;

/** Takes one ordinary or escaped character; answers what it adds to the value. */
const plain = (scan: Scan, collector: WordCollector): string => {
  const character = take(scan);
  if (character !== scan.escape) {
    collector.character(character);
    return character;
  }
  const text = (scan.rawEscapes ? character : '') + take(scan);
  if (text !== '') collector.raw(text);
  return text;
};

/** Reads up to `stop`, or to the end when `stop` is undefined. */
const until = (scan: Scan, stop: string | undefined): Pick<Expansion, 'value' | 'words'> => {
  const collector = createWordCollector();
  let value = '';
  for (let character = peek(scan); character !== END; character = peek(scan)) {
    if (character === stop) {
      take(scan);
      return { value, words: collector.finish() };
    }
    const special = specialFor(scan, character);
    if (special === undefined) {
      value += plain(scan, collector);
      continue;
    }
    const text = special(scan);
    value += text;
    if (value.length > MAX_EXPANSION) throw new Error(TOO_LARGE);
    if (character === '$') for (const one of text) collector.character(one);
    else collector.raw(text);
  }
  if (stop !== undefined) throw new Error(`unexpected end of statement while looking for matching ${stop}`);
  return { value, words: collector.finish() };
};

/**
 * Expands the variables of one word and removes its quotes, as the Dockerfile reference describes.
 *
 * @throws `DOCKERFILE_EXPANSION` for unbalanced quotes or braces, an unknown modifier, or `${x?}` without x.
 */
export const expandWord = (word: string, variables: Variables, options: ExpandOptions = {}): Expansion => {
  const scan: Scan = {
    input: Array.from(word),
    escape: options.escape ?? '\\',
    variables,
    options,
    used: new Set(),
    unset: new Set(),
    at: 0,
    rawEscapes: options.rawEscapes ?? false,
  };
  try {
    return { ...until(scan, undefined), used: scan.used, unset: scan.unset };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw dockerfileErrors.expansion({ word, reason }, error);
  }
};
