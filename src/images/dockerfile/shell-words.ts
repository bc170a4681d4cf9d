import { dockerfileErrors } from './errors.ts';
import { replacePattern, withoutPrefix, withoutSuffix } from './shell-pattern.ts';
import { isSpace, SPACE } from './source-text.ts';

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
  /** No words are wanted: there are none in the answer. A long text has millions. */
  readonly valueOnly?: boolean | undefined;
  /** Longest result, in characters (default a million). */
  readonly limit?: number | undefined;
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
const DIGITS = /\p{Nd}+/uy;
const NAME = /[\p{L}\p{Nd}_]+/uy;
const BLANKS = /[ \t\r]+/y;
const UP_TO_QUOTE = /[^']+/y;
const WHITE = new RegExp(SPACE, 'u');
const SPECIAL_PARAMETERS = '@*#?-$!0';
/** Longest text that a word may become; no program could be started with a longer one. */
const MAX_EXPANSION = 1 << 20;
/** What all references of one word may bring together, thrown away or not, beyond the word itself. */
const MAX_BROUGHT = 8 << 20;
/** How deep `${a:-${b:-…}}` may go. */
const MAX_DEPTH = 500;
const TOO_LARGE = 'the variables make more than a million characters of it';
const MISSING_BRACE = "syntax error: missing '}'";

/** One pass over one word. Faults are thrown as Error with a short reason; `expandWord` gives them a place. */
interface Scan {
  readonly input: string;
  readonly escape: string;
  readonly limit: number;
  readonly variables: Variables;
  readonly options: ExpandOptions;
  readonly used: Set<string>;
  readonly unset: Set<string>;
  at: number;
  rawEscapes: boolean;
  brought: number;
  depth: number;
}

const peek = ({ input, at }: Scan): string => {
  const code = input.codePointAt(at);
  return code === undefined ? END : String.fromCodePoint(code);
};

const take = (scan: Scan): string => {
  const character = peek(scan);
  scan.at += character.length;
  return character;
};

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
  /** Text as it stands there: its white space separates words. */
  const text = (some: string): void => {
    if (!WHITE.test(some)) return raw(some);
    for (const one of some) character(one);
  };
  const finish = (): readonly string[] => (word === '' ? words : [...words, word]);
  return { raw, character, text, finish };
};

const nothing = (): void => undefined;
const NO_WORDS: ReturnType<typeof createWordCollector> = {
  raw: nothing,
  character: nothing,
  text: nothing,
  finish: () => [],
};

const valueOf = (variables: Variables, name: string): string | undefined => {
  if (variables instanceof Map) return variables.get(name);
  const record = variables as Readonly<Record<string, string>>;
  return Object.hasOwn(record, name) ? record[name] : undefined;
};

const lookUp = (scan: Scan, name: string): string | undefined => {
  const value = valueOf(scan.variables, name);
  (value === undefined ? scan.unset : scan.used).add(name);
  scan.brought += value?.length ?? 0;
  if (scan.brought > MAX_BROUGHT) throw new Error(TOO_LARGE);
  return value;
};

/** Takes what `form`, a sticky expression, finds here. */
const takeWhile = (scan: Scan, form: RegExp): string => {
  form.lastIndex = scan.at;
  const taken = form.exec(scan.input)?.[0] ?? '';
  scan.at += taken.length;
  return taken;
};

const takeName = (scan: Scan): string => {
  const digits = takeWhile(scan, DIGITS);
  if (digits !== '') return digits;
  const first = peek(scan);
  if (first !== END && SPECIAL_PARAMETERS.includes(first)) return take(scan);
  return takeWhile(scan, NAME);
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
    replacePattern(value ?? '', { pattern, replacement, all, limit: scan.limit }),
  );
};

const braced = (scan: Scan): string => {
  scan.depth += 1;
  if (scan.depth > MAX_DEPTH) throw new Error(`substitutions are nested deeper than ${MAX_DEPTH}`);
  const value = substituted(scan);
  scan.depth -= 1;
  return value;
};

const substituted = (scan: Scan): string => {
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
  const body = takeWhile(scan, UP_TO_QUOTE);
  if (take(scan) === END)
    throw new Error('unexpected end of statement while looking for matching single-quote');
  return quote + body + quote;
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
  return `<<${takeWhile(scan, BLANKS)}`;
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

/** Characters that mean nothing wherever they stand. */
const ORDINARY = /[^$<'"\\`/}]+/y;

/** Reads up to `stop`, or to the end when `stop` is undefined. */
const until = (scan: Scan, stop: string | undefined): Pick<Expansion, 'value' | 'words'> => {
  const collector = scan.options.valueOnly === true ? NO_WORDS : createWordCollector();
  let value = '';
  for (let character = peek(scan); character !== END; character = peek(scan)) {
    if (character === stop) {
      take(scan);
      return { value, words: collector.finish() };
    }
    const ordinary = takeWhile(scan, ORDINARY);
    if (ordinary !== '') {
      collector.text(ordinary);
      value += ordinary;
      continue;
    }
    const special = specialFor(scan, character);
    if (special === undefined) {
      value += plain(scan, collector);
      continue;
    }
    const text = special(scan);
    value += text;
    if (value.length > scan.limit) throw new Error(TOO_LARGE);
    if (character === '$') collector.text(text);
    else collector.raw(text);
  }
  if (stop !== undefined) throw new Error(`unexpected end of statement while looking for matching ${stop}`);
  return { value, words: collector.finish() };
};

/** So much of a long word an error repeats. */
const shown = (word: string): string => (word.length > 200 ? `${word.slice(0, 200)}…` : word);

/**
 * Expands the variables of one word and removes its quotes, as the Dockerfile reference describes.
 *
 * @throws `DOCKERFILE_EXPANSION` for unbalanced quotes or braces, an unknown modifier, `${x?}` without x, and what
 * would become too long or is nested too deep.
 */
export const expandWord = (word: string, variables: Variables, options: ExpandOptions = {}): Expansion => {
  const limit = options.limit ?? MAX_EXPANSION;
  const scan: Scan = {
    input: word,
    escape: options.escape ?? '\\',
    limit,
    variables,
    options,
    used: new Set(),
    unset: new Set(),
    at: 0,
    rawEscapes: options.rawEscapes ?? false,
    brought: 0,
    depth: 0,
  };
  try {
    return { ...until(scan, undefined), used: scan.used, unset: scan.unset };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw dockerfileErrors.expansion({ word: shown(word), reason }, error);
  }
};
