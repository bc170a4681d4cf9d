/** One character that has to be there, any character but a newline, or any text without a newline. */
type Token = { readonly kind: 'character'; readonly value: string } | { readonly kind: 'any' | 'star' };

/**
 * A shell pattern (`*`, `?`, `\*`, `\?`, `\\`; no brackets) in pieces.
 * Throws an Error with a short reason for any other escape.
 */
const tokensOf = (pattern: string): readonly Token[] => {
  const characters = Array.from(pattern);
  const tokens: Token[] = [];
  for (let index = 0; index < characters.length; index += 1) {
    const value = characters[index] ?? '';
    if (value === '*') tokens.push({ kind: 'star' });
    else if (value === '?') tokens.push({ kind: 'any' });
    else if (value === '\\') {
      const next = characters[index + 1];
      // `\}` and `\/` only keep the character from ending the expression.
      if (next === '}' || next === '/') continue;
      if (next === undefined || !'*?\\'.includes(next)) throw new Error(`invalid escape '\\${next ?? ''}'`);
      tokens.push({ kind: 'character', value: next });
      index += 1;
    } else tokens.push({ kind: 'character', value });
  }
  return tokens;
};

/** What stands between stars; a match is the segments in their order, with text of one line between them. */
type Segment = readonly Token[];

const segmentsOf = (tokens: readonly Token[]): readonly Segment[] => {
  const segments: Token[][] = [[]];
  for (const token of tokens) {
    if (token.kind === 'star') segments.push([]);
    else segments.at(-1)?.push(token);
  }
  return segments;
};

/** So many comparisons one substitution may take. */
const MAX_WORK = 10_000_000;

/** A value in which segments are looked for; the work is counted. */
interface Search {
  readonly value: readonly string[];
  readonly segments: readonly Segment[];
  readonly greedy: boolean;
  work: number;
}

const fitsAt = (search: Search, segment: Segment, at: number): boolean => {
  const { value } = search;
  if (at + segment.length > value.length) return false;
  if (search.work > MAX_WORK) throw new Error('the pattern is too costly for a value of this length');
  for (const [index, token] of segment.entries()) {
    search.work += 1;
    const character = value[at + index];
    if (token.kind === 'character' ? character !== token.value : character === '\n') return false;
  }
  return true;
};

const lineEndFrom = ({ value }: Search, at: number): number => {
  const newline = value.indexOf('\n', at);
  return newline < 0 ? value.length : newline;
};

/** The first place from `at` on, in the same line, where `segment` fits. */
const firstFit = (search: Search, segment: Segment, at: number): number | undefined => {
  const end = lineEndFrom(search, at);
  for (let place = at; place <= end; place += 1) {
    search.work += 1;
    if (fitsAt(search, segment, place)) return place;
  }
  return undefined;
};

const lastFit = (search: Search, segment: Segment, at: number): number | undefined => {
  for (let place = lineEndFrom(search, at); place >= at; place -= 1) {
    search.work += 1;
    if (fitsAt(search, segment, place)) return place;
  }
  return undefined;
};

/** Where a match that begins at `at` ends: as late as possible when greedy, else as early. */
const endOfMatch = (search: Search, at: number): number | undefined => {
  const { segments, greedy } = search;
  const [first = [], ...others] = segments;
  if (!fitsAt(search, first, at)) return undefined;
  let end = at + first.length;
  for (const [index, segment] of others.entries()) {
    // Only the last one moves the end: those before it leave most room when they stand as early as they can.
    const find = greedy && index === others.length - 1 ? lastFit : firstFit;
    const place = find(search, segment, end);
    if (place === undefined) return undefined;
    end = place + segment.length;
  }
  return end;
};

const searchOf = (value: readonly string[], pattern: string, greedy: boolean): Search => ({
  value,
  segments: segmentsOf(tokensOf(pattern)),
  greedy,
  work: 0,
});

/** `${value#pattern}` (shortest) or `${value##pattern}` (longest). */
export const withoutPrefix = (value: string, pattern: string, greedy: boolean): string => {
  const characters = Array.from(value);
  const end = endOfMatch(searchOf(characters, pattern, greedy), 0);
  return end === undefined ? value : characters.slice(end).join('');
};

/** The pattern written backwards, each escape kept before its character. */
const reversePattern = (pattern: string): string => {
  const tokens: string[] = [];
  const characters = Array.from(pattern);
  for (let index = 0; index < characters.length; index += 1) {
    const character = characters[index] ?? '';
    if (character === '\\' && index + 1 < characters.length) {
      tokens.push(character + (characters[index + 1] ?? ''));
      index += 1;
    } else tokens.push(character);
  }
  return tokens.toReversed().join('');
};

const reverseText = (text: string): string => Array.from(text).toReversed().join('');

/** `${value%pattern}` (shortest) or `${value%%pattern}` (longest). */
export const withoutSuffix = (value: string, pattern: string, greedy: boolean): string =>
  reverseText(withoutPrefix(reverseText(value), reversePattern(pattern), greedy));

/** The first match from `from` on. */
const findMatch = (search: Search, from: number): readonly [number, number] | undefined => {
  const { value, segments } = search;
  for (let at = from; at <= value.length; at += 1) {
    search.work += 1;
    const end = endOfMatch(search, at);
    if (end !== undefined) return [at, end];
    // Where the beginning fits and the rest of the line has not what follows it, no later place in the line has.
    if (segments.length > 1 && fitsAt(search, segments[0] ?? [], at)) at = lineEndFrom(search, at);
  }
  return undefined;
};

interface Replacement {
  readonly pattern: string;
  readonly replacement: string;
  readonly all: boolean;
  /** An Error is thrown once more characters than this came in. */
  readonly limit: number;
}

/** `${value/pattern/replacement}`, or `${value//pattern/replacement}` with `all`; the longest match at the first place counts. */
export const replacePattern = (value: string, options: Replacement): string => {
  const characters = Array.from(value);
  const search = searchOf(characters, options.pattern, true);
  const parts: string[] = [];
  let added = 0;
  let done = 0;
  for (let from = 0; from <= characters.length;) {
    const match = findMatch(search, from);
    if (match === undefined) break;
    const [start, end] = match;
    // Right behind another match nothing is found, only something.
    if (!(start === end && start === done && parts.length > 0)) {
      added += options.replacement.length;
      if (added > options.limit) throw new Error('the result is too long');
      parts.push(characters.slice(done, start).join(''), options.replacement);
      done = end;
    }
    if (!options.all) break;
    from = end > start ? end : end + 1;
  }
  return parts.join('') + characters.slice(done).join('');
};
