import { dockerfileErrors } from './errors.ts';
import type { Work } from './glob-pieces.ts';
import { testOf, type PathTest } from './path-test.ts';
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
  readonly test: PathTest;
  /** Whether something below a directory could match, by the directory's path. */
  readonly mayMatchInside: (directory: string, work: Work) => boolean;
}

/** Of an ignore file, and of what is in it; no path is longer than a pattern may be. */
const MAX_BYTES = 1 << 19;
const MAX_PATTERNS = 10_000;
const MAX_PATTERN = 4096;
/** So many comparisons one path may take: about a tenth of a second. */
const MAX_WORK = 2_500_000;
/** So much of a pattern an error repeats. */
const MAX_SHOWN = 100;

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
 *
 * @throws `DOCKERFILE_TOO_MANY_PATTERNS`
 */
export const parseIgnoreFile = (text: string): readonly string[] => {
  if (text.length > MAX_BYTES) throw tooMany();
  return text
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
};

const tooMany = (): Error => dockerfileErrors.tooManyPatterns({ patterns: MAX_PATTERNS, bytes: MAX_BYTES });

/** Tests of the parts of a pattern up to its first `**`. */
const partTestsOf = (pattern: string): readonly PathTest[] => {
  const parts = pattern.split('/');
  const deepAt = parts.findIndex((part) => part.includes('**'));
  const fixed = deepAt < 0 ? parts : parts.slice(0, deepAt);
  // A class with a slash in it is no class in its parts: anything may be meant.
  return fixed.map((part): PathTest => (isWellFormed(part) ? testOf(part) : () => true));
};

const insideTestOf = (pattern: string): Pattern['mayMatchInside'] => {
  let known: readonly PathTest[] | undefined;
  return (directory, work) => {
    known ??= partTestsOf(pattern);
    const parts = directory.split('/');
    return known.slice(0, parts.length).every((test, index) => test({ path: parts[index] ?? '' }, work));
  };
};

const bad = (pattern: string, reason: string, cause?: unknown): Error =>
  dockerfileErrors.pattern(
    { pattern: pattern.length > MAX_SHOWN ? `${pattern.slice(0, MAX_SHOWN)}…` : pattern, reason },
    cause,
  );

const compile = (written: string): readonly Pattern[] => {
  if (written.length > MAX_PATTERN) throw bad(written, 'it is longer than any path');
  const trimmed = trimSpace(written);
  if (trimmed === '') return [];
  const cleaned = cleanPath(trimmed);
  const negated = cleaned.startsWith('!');
  const text = negated ? cleaned.slice(1) : cleaned;
  if (text === '') throw bad(written, '"!" needs a pattern after it');
  if (!isWellFormed(text)) throw bad(written, 'syntax error in pattern');
  try {
    return [{ text, negated, test: testOf(text), mayMatchInside: insideTestOf(text) }];
  } catch (error) {
    throw bad(written, 'syntax error in pattern', error);
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

/** What a pattern said, unless that took too long. */
const within = (pattern: Pattern, work: Work, hit: boolean): boolean => {
  work.left -= 1;
  if (work.left < 0) throw bad(pattern.text, 'it takes too long to match it, and those before it');
  return hit;
};

/**
 * Compiles patterns with the rules of moby's pattern matcher.
 *
 * @throws `DOCKERFILE_PATTERN`, `DOCKERFILE_TOO_MANY_PATTERNS`; so do its methods for what takes too long
 */
export const createPatternMatcher = (written: readonly string[]): PatternMatcher => {
  const bytes = written.reduce((sum, { length }) => sum + length, 0);
  if (written.length > MAX_PATTERNS || bytes > MAX_BYTES) throw tooMany();
  const patterns = written.flatMap(compile);
  const judgeWithin = (work: Work, path: string, parent?: DirectoryState): Judgement => {
    const judged = { path };
    let matches = false;
    const matched = patterns.map((pattern, index) => {
      let hit = parent?.matched[index] ?? false;
      // A pattern that could not change the verdict is not tried.
      if (!hit && pattern.negated !== matches) return false;
      hit ||= within(pattern, work, pattern.test(judged, work));
      if (hit) matches = !pattern.negated;
      return hit;
    });
    return { matches, state: { matched } };
  };
  const matches = (path: string): boolean => {
    const work = { left: MAX_WORK };
    let judgement: Judgement = { matches: false, state: { matched: [] } };
    for (const prefix of prefixesOf(path)) judgement = judgeWithin(work, prefix, judgement.state);
    return judgement.matches;
  };
  return {
    empty: patterns.length === 0,
    patterns,
    matches,
    judge: (path, parent) => judgeWithin({ left: MAX_WORK }, path, parent),
    mayTakeBackInside(directory) {
      const work = { left: MAX_WORK };
      return patterns.some(
        (pattern) => pattern.negated && within(pattern, work, pattern.mayMatchInside(directory, work)),
      );
    },
  };
};
