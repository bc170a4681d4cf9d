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
    if (inWord && word !== '') {
      words.push(word);
      word = '';
      inWord = false;
    }
  };
  const finish = (): readonly string[] => (word === '' ? words : [...words, word]);
  return { raw, character, finish };
};

const lookUp = (variables: Variables, name: string): string | undefined => {
  if (variables instanceof Map) return variables.get(name);
  const record = variables as Readonly<Record<string, string>>;
  return Object.hasOwn(record, name) ? record[name] : undefined;
};

const MISSING_BRACE = "syntax error: missing '}'";

/** One pass over one word. Faults are thrown as Error with a short reason; `expandWord` gives them a place. */
const createExpander = (word: string, variables: Variables, options: ExpandOptions) => {
  const input = [...word];
  const escape = options.escape ?? '\\';
  const used = new Set<string>();
  const unset = new Set<string>();
  let at = 0;
  let rawEscapes = options.rawEscapes ?? false;

  const peek = (): string => input[at] ?? END;
  const take = (): string => input[at++] ?? END;

  const get = (name: string): string | undefined => {
    const value = lookUp(variables, name);
    (value === undefined ? unset : used).add(name);
    return value;
  };

  const takeName = (): string => {
    const first = peek();
    if (DIGIT.test(first)) {
      let digits = '';
      while (DIGIT.test(peek())) digits += take();
      return digits;
    }
    if (first !== END && SPECIAL_PARAMETERS.includes(first)) return take();
    let name = '';
    while (NAME_CHARACTER.test(peek())) name += take();
    return name;
  };

  const withRawEscapes = <T>(raw: boolean, run: () => T): T => {
    const before = rawEscapes;
    rawEscapes = raw;
    try {
      return run();
    } finally {
      rawEscapes = before;
    }
  };

  const operand = (stop: string, raw: boolean, missing: string): string => {
    try {
      return withRawEscapes(raw, () => until(stop).value);
    } catch (error) {
      if (peek() === END) throw new Error(missing, { cause: error });
      throw error;
    }
  };

  const required = (name: string, value: string | undefined, emptyIsUnset: boolean, message: string): string => {
    if (value === undefined) throw new Error(`${name}: ${message === '' ? 'is not allowed to be unset' : message}`);
    if (emptyIsUnset && value === '') {
      throw new Error(`${name}: ${message === '' ? 'is not allowed to be empty' : message}`);
    }
    return value;
  };

  const trimmed = (operator: string, value: string, written: string): string => {
    const greedy = written.startsWith(operator);
    const pattern = greedy ? written.slice(1) : written;
    try {
      return operator === '%' ? withoutSuffix(value, pattern, greedy) : withoutPrefix(value, pattern, greedy);
    } catch (error) {
      throw new Error(`invalid pattern (${pattern}) in substitution: ${String(error)}`, { cause: error });
    }
  };

  const modified = (name: string, colon: boolean, operator: string): string => {
    const written = operand('}', operator === '#' || operator === '%', MISSING_BRACE);
    const value = get(name);
    const sign = `${colon ? ':' : ''}${operator}`;
    if (value === undefined && options.keepUnset === true) return `\${${name}${sign}${written}}`;
    const missing = value === undefined || (colon && value === '');
    if (operator === '-') return missing ? written : value;
    if (operator === '+') return missing ? '' : written;
    if (operator === '?') return required(name, value, colon, written);
    if (operator === '#' || operator === '%') return trimmed(operator, value ?? '', written);
    throw new Error(`unsupported modifier (${sign}) in substitution`);
  };

  const replaced = (name: string): string => {
    const all = peek() === '/';
    if (all) take();
    const pattern = operand('/', true, "syntax error: missing '/' in ${}");
    const replacement = operand('}', true, MISSING_BRACE);
    const value = get(name);
    if (value === undefined && options.keepUnset === true) return `\${${name}/${pattern}/${replacement}}`;
    try {
      return replacePattern(value ?? '', { pattern, replacement, all });
    } catch (error) {
      throw new Error(`invalid pattern (${pattern}) in substitution: ${String(error)}`, { cause: error });
    }
  };

  const braced = (): string => {
    take();
    if (peek() === END) throw new Error(MISSING_BRACE);
    if ('{}:'.includes(peek())) throw new Error('syntax error: bad substitution');
    const name = takeName();
    const operator = take();
    if (operator === '}') {
      const value = get(name);
      return value ?? (options.keepUnset === true ? `\${${name}}` : '');
    }
    if (operator === ':') return modified(name, true, take());
    if (operator !== END && '+-?#%'.includes(operator)) return modified(name, false, operator);
    if (operator === '/') return replaced(name);
    throw new Error(operator === END ? MISSING_BRACE : `unsupported modifier (${operator}) in substitution`);
  };

  const dollar = (): string => {
    take();
    if (peek() === '{') return braced();
    const name = takeName();
    if (name === '') return '$';
    return get(name) ?? (options.keepUnset === true ? `$${name}` : '');
  };

  const singleQuoted = (): string => {
    const quote = options.rawQuotes === true ? take() : (take(), '');
    let result = quote;
    for (;;) {
      const character = take();
      if (character === END) throw new Error('unexpected end of statement while looking for matching single-quote');
      if (character === "'") return result + quote;
      result += character;
    }
  };

  const doubleQuoted = (): string => {
    const quote = options.rawQuotes === true ? take() : (take(), '');
    let result = quote;
    for (;;) {
      const character = peek();
      if (character === END) throw new Error('unexpected end of statement while looking for matching double-quote');
      if (character === '$') {
        result += dollar();
        continue;
      }
      take();
      if (character === '"') return result + quote;
      if (character !== escape) {
        result += character;
        continue;
      }
      if (rawEscapes) result += character;
      if (peek() === END) continue;
      result += peek() === '"' || peek() === '$' || peek() === escape ? take() : character;
    }
  };

  /** `<<` and the blanks after it belong to the word that follows: the mark of a heredoc. */
  const angle = (): string => {
    take();
    if (peek() !== '<') return '<';
    take();
    let blanks = '';
    while (peek() === ' ' || peek() === '\t') blanks += take();
    return `<<${blanks}`;
  };

  const special = (character: string): (() => string) | undefined => {
    if (character === '$') return dollar;
    if (character === '<') return angle;
    if (options.ignoreQuotes === true) return undefined;
    if (character === "'") return singleQuoted;
    return character === '"' ? doubleQuoted : undefined;
  };

  /** Reads up to `stop`, or to the end when `stop` is undefined. */
  const until = (stop: string | undefined): { value: string; words: readonly string[] } => {
    const collector = createWordCollector();
    let value = '';
    for (let character = peek(); character !== END; character = peek()) {
      if (character === stop) {
        take();
        return { value, words: collector.finish() };
      }
      const process = special(character);
      if (process !== undefined) {
        const text = process();
        value += text;
        if (character === '$') for (const one of text) collector.character(one);
        else collector.raw(text);
        continue;
      }
      take();
      if (character !== escape) {
        collector.character(character);
        value += character;
        continue;
      }
      if (rawEscapes) {
        collector.raw(character);
        value += character;
      }
      const escaped = take();
      if (escaped === END) break;
      collector.raw(escaped);
      value += escaped;
    }
    if (stop !== undefined) throw new Error(`unexpected end of statement while looking for matching ${stop}`);
    return { value, words: collector.finish() };
  };

  return { run: (): Expansion => ({ ...until(undefined), used, unset }) };
};

/**
 * Expands the variables of one word and removes its quotes, as the Dockerfile reference describes.
 *
 * @throws `DOCKERFILE_EXPANSION` for unbalanced quotes or braces, an unknown modifier, or `${x?}` without x.
 */
export const expandWord = (word: string, variables: Variables, options: ExpandOptions = {}): Expansion => {
  try {
    return createExpander(word, variables, options).run();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw dockerfileErrors.expansion({ word, reason }, error);
  }
};
