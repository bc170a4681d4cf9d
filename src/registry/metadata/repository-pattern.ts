import { metadataErrors } from './errors.ts';

/** A pattern over names of repositories. `compilePattern` says what it means. */
export interface RepositoryPattern {
  readonly text: string;
  matches(repository: string): boolean;
  /** Compares with another that matches the same name: greater is more specific. See `mostSpecific`. */
  readonly rank: PatternRank;
}

/** How exactly a pattern names what it matches: literal characters, then as few wildcards as possible. */
export interface PatternRank {
  readonly literals: number;
  readonly anyDepth: number;
  readonly stars: number;
}

const MAX_PATTERN = 300;
const COMPONENT = /^[A-Za-z0-9._*:-]+$/;

const invalid = (text: string, reason: string): Error =>
  metadataErrors.patternInvalid({ pattern: text.slice(0, MAX_PATTERN), reason });

interface Wildcard<P, T> {
  readonly isAny: (item: P) => boolean;
  readonly same: (item: P, text: T) => boolean;
}

/** Matches items, one of which may stand for any number; remembers only the last such item, so that it cannot explode. */
const matchItems = <P, T>(
  pattern: readonly P[],
  text: readonly T[],
  { isAny, same }: Wildcard<P, T>,
): boolean => {
  let [at, from] = [0, 0];
  let [star, resume] = [-1, 0];
  while (from < text.length) {
    const item = pattern[at];
    const next = text[from];
    if (item !== undefined && isAny(item)) {
      [star, resume] = [at, from];
      at += 1;
    } else if (item !== undefined && next !== undefined && same(item, next)) {
      at += 1;
      from += 1;
    } else if (star >= 0) {
      resume += 1;
      [at, from] = [star + 1, resume];
    } else return false;
  }
  return pattern.slice(at).every(isAny);
};

const characters: Wildcard<string, string> = {
  isAny: (item) => item === '*',
  same: (item, text) => item === text,
};

const components: Wildcard<readonly string[], string> = {
  isAny: (item) => item.length === 2 && item[0] === '*' && item[1] === '*',
  same: (item, text) => matchItems(item, text.split(''), characters),
};

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

const rankOf = (text: string): PatternRank => ({
  literals: count(text, /[^*]/g),
  anyDepth: count(text, /\*\*/g),
  stars: count(text.replaceAll('**', ''), /\*/g),
});

const checkPattern = (text: string): void => {
  if (text === '') throw invalid(text, 'it is empty');
  if (text.length > MAX_PATTERN) throw invalid(text, `it is longer than ${MAX_PATTERN} characters`);
  for (const component of text.split('/')) {
    if (component === '') throw invalid(text, 'a component between slashes is empty');
    if (!COMPONENT.test(component)) throw invalid(text, 'it has characters that no name has');
    if (component !== '**' && component.includes('**'))
      throw invalid(text, '** stands alone between slashes');
  }
};

const matcherOf = (text: string): ((name: string) => boolean) => {
  if (!text.includes('*')) return (name) => name === text;
  if (text === '**') return () => true;
  const items = text.split('/').map((component) => component.split(''));
  return (name) => matchItems(items, name.split('/'), components);
};

/**
 * Reads a pattern over names: components between slashes, in which `*` stands for any characters of one component, also
 * none, and a component `**` stands for any number of components, also none. `team/**` matches `team`, `team/app` and
 * `team/app/base`; `team/*` only `team/app`; `**` everything. The whole name must match. Matching takes at most the
 * product of both lengths.
 *
 * @throws METADATA_PATTERN_INVALID
 */
export const compilePattern = (text: string): RepositoryPattern => {
  checkPattern(text);
  return { text, matches: matcherOf(text), rank: rankOf(text) };
};

/** Whether `compilePattern` takes the text. */
export const isPattern = (text: string): boolean => {
  try {
    checkPattern(text);
    return true;
  } catch {
    return false;
  }
};

/** Positive when `a` is more specific than `b`; 0 only for equal texts. */
export const compareSpecificity = (a: RepositoryPattern, b: RepositoryPattern): number =>
  a.rank.literals - b.rank.literals ||
  b.rank.anyDepth - a.rank.anyDepth ||
  b.rank.stars - a.rank.stars ||
  (a.text === b.text ? 0 : a.text < b.text ? 1 : -1);

/**
 * The entry whose pattern matches the name and is the most specific: most literal characters, then fewest `**`, then
 * fewest `*`, then the first in the order of their texts; of equal patterns the first given.
 */
export const mostSpecific = <T extends { readonly pattern: RepositoryPattern }>(
  entries: readonly T[],
  repository: string,
): T | undefined => {
  let best: T | undefined;
  for (const entry of entries) {
    if (!entry.pattern.matches(repository)) continue;
    if (best === undefined || compareSpecificity(entry.pattern, best.pattern) > 0) best = entry;
  }
  return best;
};

/** The same pattern as a regular expression, for SQL. @throws METADATA_PATTERN_INVALID */
export const patternExpression = (text: string): string => {
  checkPattern(text);
  const parts = text.replaceAll(/\*\*(?:\/\*\*)+/g, '**').split('/');
  let [expression, slash] = ['', ''];
  for (const [index, part] of parts.entries()) {
    if (part !== '**') {
      expression += slash + part.replaceAll(/[.:-]/g, '[$&]').replaceAll('*', '[^/]*');
      slash = '/';
    } else if (index === parts.length - 1) expression += slash === '' ? '.*' : '(?:/.*)?';
    else {
      expression += `${slash}(?:.*/)?`;
      slash = '';
    }
  }
  return `^${expression}$`;
};
