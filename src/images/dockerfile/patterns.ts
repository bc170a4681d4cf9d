import { dockerfileErrors } from './errors.ts';
import { ANY, DEEP, STAR, TAIL, testPieces } from './glob-pieces.ts';
import { isWellFormed } from './pattern-syntax.ts';
import { trimSpace } from './source-text.ts';

/** How patterns judged a directory; handed on to the judgement of what is inside. */
export interface DirectoryState {
  readonly matched: readonly boolean[];
}

export interface Judgement {
  /** Whether the path matches: the last pattern that applies decides, `!` patterns take back. */
  readonly matches: boolean;
  readonly state: DirectoryState;
}

/** Patterns of `.dockerignore` and `--exclude`. Paths have no leading slash and `/` as separator. */
export interface PatternMatcher {
  readonly empty: boolean;
  /** Patterns in their cleaned form. */
  readonly patterns: readonly { readonly text: string; readonly negated: boolean }[];
  /** Judges one path, its parents included. */
  matches(path: string): boolean;
  /** One step of a walk from the top: `parent` is the state of the directory that holds `path`. */
  judge(path: string, parent?: DirectoryState): Judgement;
  /** Whether a path inside a matched directory might not match, so that a walk has to go in. */
  mayTakeBackInside(directory: string): boolean;
}

interface Pattern {
  readonly text: string;
  readonly negated: boolean;
  readonly test: (path: string) => boolean;
}

/** A slash-separated path in its shortest form, as Go's `path.Clean` gives it. */
export const cleanPath = (path: string): string => {
  const rooted = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!rooted) parts.push(part);
  }
  const joined = parts.join('/');
  if (rooted) return `/${joined}`;
  return joined === '' ? '.' : joined;
};

/**
 * The patterns of an ignore file: comments, blank lines, surrounding blanks and leading slashes are taken away.
 */
export const parseIgnoreFile = (text: string): readonly string[] =>
  text
    .replace(/^\uFEFF/u, '')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .flatMap((line) => {
      const written = trimSpace(line);
      if (written === '') return [];
      const negated = written.startsWith('!');
      const body = negated ? trimSpace(written.slice(1)) : written;
      const cleaned = body === '' ? '' : cleanPath(body);
      const relative = cleaned.length > 1 && cleaned.startsWith('/') ? cleaned.slice(1) : cleaned;
      return [`${negated ? '!' : ''}${relative}`];
    });

const ESCAPED = new Set('.+()|{}$');

/** What a backslash and the character after it stand for; letters and digits mean themselves. */
const escapedOf = (escaped: string | undefined): string => {
  if (escaped === undefined) return '\\\\';
  return /[a-z0-9]/iu.test(escaped) ? escaped : `\\${escaped}`;
};

/** One pattern as parts of a regular expression: `*` and `?` stop at slashes, `**` does not. */
const piecesOf = (pattern: string): readonly string[] => {
  const characters = Array.from(pattern);
  const pieces: string[] = [];
  let open = '';
  for (let index = 0; index < characters.length; index += 1) {
    const character = characters[index] ?? '';
    if (open !== '') {
      if (character === '\\') index += 1;
      open += character === '\\' ? escapedOf(characters[index]) : character;
      if (character !== ']') continue;
      pieces.push(open);
      open = '';
    } else if (character === '*' && characters[index + 1] === '*') {
      index += 1;
      if (characters[index + 1] === '/') index += 1;
      pieces.push(index + 1 >= characters.length ? TAIL : DEEP);
    } else if (character === '*') pieces.push(STAR);
    else if (character === '?') pieces.push(ANY);
    else if (character === '\\') {
      index += 1;
      pieces.push(escapedOf(characters[index]));
    } else if (character === '[') open = character;
    else pieces.push(ESCAPED.has(character) || character === ']' ? `\\${character}` : character);
  }
  return open === '' ? pieces : [...pieces, open];
};

/** So many wildcards cost an expression little; with more, the time it may take is without bounds. */
const MAX_EXPRESSION_WILDCARDS = 3;

const isWildcard = (piece: string): boolean => piece === STAR || piece === TAIL || piece === DEEP;

const testWild = (pattern: string): ((path: string) => boolean) => {
  const pieces = piecesOf(pattern);
  const expression = new RegExp(`^${pieces.join('')}$`);
  return pieces.filter(isWildcard).length > MAX_EXPRESSION_WILDCARDS
    ? testPieces(pieces)
    : (path) => expression.test(path);
};

const WILD = /[*?[\]\\]/u;

/** `**` at one end needs no expression, and means a little more than one would say. */
const testOf = (pattern: string): ((path: string) => boolean) => {
  if (!WILD.test(pattern)) return (path) => path === pattern;
  const body = pattern.slice(0, -2);
  if (pattern.endsWith('**') && !WILD.test(body)) return (path) => path.startsWith(body);
  const suffix = pattern.slice(2);
  if (pattern.startsWith('**') && suffix !== '' && !WILD.test(suffix)) {
    return (path) => path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1));
  }
  return testWild(pattern);
};

const compile = (written: string): readonly Pattern[] => {
  const trimmed = trimSpace(written);
  if (trimmed === '') return [];
  const cleaned = cleanPath(trimmed);
  const negated = cleaned.startsWith('!');
  const text = negated ? cleaned.slice(1) : cleaned;
  if (text === '')
    throw dockerfileErrors.pattern({ pattern: written, reason: '"!" needs a pattern after it' });
  if (!isWellFormed(text))
    throw dockerfileErrors.pattern({ pattern: written, reason: 'syntax error in pattern' });
  try {
    return [{ text, negated, test: testOf(text) }];
  } catch (error) {
    throw dockerfileErrors.pattern({ pattern: written, reason: 'syntax error in pattern' }, error);
  }
};

/** `a`, `a/b`, `a/b/c` of `a/b/c`. */
const prefixesOf = (path: string): readonly string[] => {
  const prefixes: string[] = [];
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    prefixes.push(path.slice(0, slash));
  }
  return [...prefixes, path];
};

/** Whether something below `directory` could match `pattern`. */
const mayMatchInside = (pattern: string, directory: string): boolean => {
  const wanted = pattern.split('/');
  return directory.split('/').every((part, index) => {
    const before = wanted.slice(0, index + 1);
    if (before.some((piece) => piece.includes('**'))) return true;
    const piece = wanted[index];
    return piece === undefined || testOf(piece)(part);
  });
};

/**
 * Compiles patterns with the rules of moby's pattern matcher.
 *
 * @throws `DOCKERFILE_PATTERN`
 */
export const createPatternMatcher = (written: readonly string[]): PatternMatcher => {
  const patterns = written.flatMap(compile);
  const judge = (path: string, parent?: DirectoryState): Judgement => {
    let matches = false;
    const matched = patterns.map((pattern, index) => {
      let hit = parent?.matched[index] ?? false;
      // A pattern that could not change the verdict is not tried.
      if (!hit && pattern.negated !== matches) return false;
      hit ||= pattern.test(path);
      if (hit) matches = !pattern.negated;
      return hit;
    });
    return { matches, state: { matched } };
  };
  const matches = (path: string): boolean => {
    let judgement: Judgement = { matches: false, state: { matched: [] } };
    for (const prefix of prefixesOf(path)) judgement = judge(prefix, judgement.state);
    return judgement.matches;
  };
  return {
    empty: patterns.length === 0,
    patterns,
    matches,
    judge,
    mayTakeBackInside: (directory) =>
      patterns.some((pattern) => pattern.negated && mayMatchInside(pattern.text, directory)),
  };
};
