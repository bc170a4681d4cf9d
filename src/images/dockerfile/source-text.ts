import type { Position, SourceRange } from './types.ts';

/** Go's notion of white space, as the Dockerfile grammar uses it. */
export const SPACE = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const spaceOnly = new RegExp(`^${SPACE}$`, 'u');
const leadingSpace = new RegExp(`^${SPACE}+`, 'u');

export const isSpace = (character: string): boolean => {
  const code = character.charCodeAt(0);
  // Nearly all text is ASCII, and that is asked for each of its characters.
  if (code < 0x80) return (code >= 9 && code <= 13) || code === 32;
  return spaceOnly.test(character);
};
export const trimStart = (text: string): string => text.replace(leadingSpace, '');

/** `text` without what `drops` says of its last characters; linear, unlike a pattern that ends in `+$`. */
export const withoutEnd = (text: string, drops: (character: string) => boolean): string => {
  let end = text.length;
  while (end > 0 && drops(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
};

export const trimEnd = (text: string): string => withoutEnd(text, isSpace);
export const trimSpace = (text: string): string => trimEnd(trimStart(text));

/** One line of the file. `raw` includes its newline. */
export interface PhysicalLine {
  /** Counted from 1. */
  readonly number: number;
  readonly offset: number;
  readonly raw: string;
  /** Without carriage returns and newline at the end. */
  readonly text: string;
}

/** The lines of a file, read once from the top, and the places of offsets in it. */
export interface LineReader {
  readonly source: string;
  next(): PhysicalLine | undefined;
  position(offset: number): Position;
  range(start: number, end: number): SourceRange;
}

const BYTE_ORDER_MARK = '\uFEFF';

/** Space or tab, the blanks of the Dockerfile grammar. */
export const isBlank = (character: string): boolean => character === ' ' || character === '\t';

const isLineEnd = (character: string): boolean => character === '\n' || character === '\r';

const NEWLINE = 10;

/**
 * Offsets at which the lines begin; numbers, because a file may have millions of empty lines. Characters are looked at
 * one by one: a search costs more for lines that short.
 */
const lineStarts = (source: string): Uint32Array => {
  const first = source.startsWith(BYTE_ORDER_MARK) ? 1 : 0;
  const last = source.length - 1;
  let count = first <= last ? 1 : 0;
  for (let at = first; at < last; at += 1) if (source.charCodeAt(at) === NEWLINE) count += 1;
  const starts = new Uint32Array(count);
  if (count > 0) starts[0] = first;
  let index = 1;
  for (let at = first; index < count; at += 1) {
    if (source.charCodeAt(at) !== NEWLINE) continue;
    starts[index] = at + 1;
    index += 1;
  }
  return starts;
};

/** Whether the source has more lines than `limit`. */
export const hasMoreLines = (source: string, limit: number): boolean => {
  let count = 0;
  for (let at = 0; at < source.length && count <= limit; at += 1)
    if (source.charCodeAt(at) === NEWLINE) count += 1;
  return count > limit;
};

/** As docker's own limit, in bytes. */
const MAX_LINE_BYTES = 65_535;

/** The number of the first line that is longer than any line may be; undefined when there is none. */
export const tooLongLine = (source: string): number | undefined => {
  let [number, start] = [1, 0];
  for (let at = 0; at <= source.length; at += 1) {
    if (at < source.length && source.charCodeAt(at) !== NEWLINE) continue;
    const length = at - start;
    // A character has at most three bytes for each of its units.
    if (length > MAX_LINE_BYTES) return number;
    if (length * 3 > MAX_LINE_BYTES && Buffer.byteLength(source.slice(start, at)) > MAX_LINE_BYTES)
      return number;
    start = at + 1;
    number += 1;
  }
  return undefined;
};

/** Index of the last of `starts`, which grow, that is at or before `offset`. */
const indexAt = (starts: ArrayLike<number>, offset: number): number => {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
};

/** Reads `source` line by line. */
export const createLineReader = (source: string): LineReader => {
  const starts = lineStarts(source);
  let index = 0;
  const position = (offset: number): Position => {
    if (starts.length === 0) return { line: 1, column: 1, offset };
    const line = indexAt(starts, offset);
    return { line: line + 1, column: offset - (starts[line] ?? 0) + 1, offset };
  };
  const next = (): PhysicalLine | undefined => {
    const offset = starts[index];
    if (offset === undefined) return undefined;
    index += 1;
    const raw = source.slice(offset, starts[index] ?? source.length);
    return { number: index, offset, raw, text: withoutEnd(raw, isLineEnd) };
  };
  return {
    source,
    next,
    position,
    range: (start, end) => ({ start: position(start), end: position(Math.max(start, end)) }),
  };
};

/** Text put together from pieces of the source, which remembers where each piece came from. */
export interface MappedText {
  readonly text: string;
  /** The source offset of the character at `index`; at the end, the offset after the last character. */
  sourceOffset(index: number): number;
}

/** Joins pieces `[source offset, text]`. */
export const joinMapped = (parts: readonly (readonly [number, string])[]): MappedText => {
  const filled = parts.filter(([, part]) => part.length > 0);
  const text = filled.map(([, part]) => part).join('');
  const starts: number[] = [];
  let at = 0;
  for (const [, part] of filled) {
    starts.push(at);
    at += part.length;
  }
  const sourceOffset = (index: number): number => {
    const piece = indexAt(starts, index);
    const [source, part] = filled[piece] ?? [parts[0]?.[0] ?? 0, ''];
    return source + Math.min(index - (starts[piece] ?? 0), part.length);
  };
  return { text, sourceOffset };
};

/** So many lines and characters of a line are shown; what an excerpt leaves out is marked. */
const MAX_EXCERPT_LINES = 24;
const MAX_EXCERPT_WIDTH = 400;

/** The offset of the line `count` lines before the one that holds `offset`, and how many lines that are. */
const linesBefore = (source: string, offset: number, count: number): readonly [number, number] => {
  let start = source.lastIndexOf('\n', offset - 1) + 1;
  let lines = 0;
  for (; lines < count && start > 0; lines += 1)
    start = start === 1 ? 0 : source.lastIndexOf('\n', start - 2) + 1;
  return [start, lines];
};

const shownLine = (line: string): string => {
  const text = withoutEnd(line, isLineEnd);
  return text.length > MAX_EXCERPT_WIDTH ? `${text.slice(0, MAX_EXCERPT_WIDTH)}…` : text;
};

const DASHES = '-'.repeat(20);

/** Lines around `range` with a mark at the lines it covers, as errors show them; time and size do not grow with the file. */
export const excerpt = (source: string, range: SourceRange, around = 2): string => {
  const { start, end } = range;
  const last = end.column === 1 && end.line > start.line ? end.line - 1 : end.line;
  const [offset, before] = start.offset === 0 ? [0, 0] : linesBefore(source, start.offset, around);
  const from = start.line - before;
  const shown: string[] = [];
  const to = Math.min(last + around, from + MAX_EXCERPT_LINES - 1);
  const width = String(to).length;
  let at = offset;
  for (let number = from; number <= to && at <= source.length; number += 1) {
    const newline = source.indexOf('\n', at);
    const stop = newline < 0 ? source.length : newline;
    const mark = number >= start.line && number <= last ? '>>>' : '   ';
    shown.push(
      trimEnd(
        `${String(number).padStart(width)} | ${mark} ${shownLine(source.slice(at, Math.min(stop, at + 2 * MAX_EXCERPT_WIDTH)))}`,
      ),
    );
    at = stop + 1;
  }
  if (to < last) shown.push(`${' '.repeat(width)} | ${last - to} more lines`);
  return [DASHES, ...shown, DASHES].join('\n');
};
