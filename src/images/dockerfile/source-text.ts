import type { Position, SourceRange } from './types.ts';

/** Go's notion of white space, as the Dockerfile grammar uses it. */
export const SPACE = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const spaceOnly = new RegExp(`^${SPACE}$`, 'u');
const leadingSpace = new RegExp(`^${SPACE}+`, 'u');

export const isSpace = (character: string): boolean => spaceOnly.test(character);
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

const splitLines = (source: string): readonly PhysicalLine[] => {
  const lines: PhysicalLine[] = [];
  let offset = source.startsWith(BYTE_ORDER_MARK) ? 1 : 0;
  while (offset < source.length) {
    const newline = source.indexOf('\n', offset);
    const end = newline < 0 ? source.length : newline + 1;
    const raw = source.slice(offset, end);
    lines.push({ number: lines.length + 1, offset, raw, text: withoutEnd(raw, isLineEnd) });
    offset = end;
  }
  return lines;
};

/** As docker's own limit, in bytes. */
const MAX_LINE_BYTES = 65_535;

/** The number of the first line that is longer than any line may be; undefined when there is none. */
export const tooLongLine = (source: string): number | undefined => {
  let number = 1;
  for (let start = 0; start < source.length; number += 1) {
    const newline = source.indexOf('\n', start);
    const end = newline < 0 ? source.length : newline;
    const length = end - start;
    // A character has at most three bytes for each of its units.
    if (length > MAX_LINE_BYTES) return number;
    if (length * 3 > MAX_LINE_BYTES && Buffer.byteLength(source.slice(start, end)) > MAX_LINE_BYTES)
      return number;
    start = end + 1;
  }
  return undefined;
};

/** Index of the last line that starts at or before `offset`. */
const lineIndexAt = (lines: readonly PhysicalLine[], offset: number): number => {
  let low = 0;
  let high = lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((lines[middle]?.offset ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
};

/** Reads `source` line by line. */
export const createLineReader = (source: string): LineReader => {
  const lines = splitLines(source);
  let index = 0;
  const position = (offset: number): Position => {
    const line = lines[lineIndexAt(lines, offset)];
    if (line === undefined) return { line: 1, column: 1, offset };
    return { line: line.number, column: offset - line.offset + 1, offset };
  };
  return {
    source,
    next: () => lines[index++],
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

interface Piece {
  readonly at: number;
  readonly source: number;
  readonly length: number;
}

/** Joins pieces `[source offset, text]`. */
export const joinMapped = (parts: readonly (readonly [number, string])[]): MappedText => {
  const pieces: Piece[] = [];
  let text = '';
  for (const [source, part] of parts) {
    if (part.length > 0) pieces.push({ at: text.length, source, length: part.length });
    text += part;
  }
  const sourceOffset = (index: number): number => {
    const piece = pieces.findLast((candidate) => candidate.at <= index);
    if (piece === undefined) return parts[0]?.[0] ?? 0;
    return piece.source + Math.min(index - piece.at, piece.length);
  };
  return { text, sourceOffset };
};

/** Lines around `range` with a mark at the lines it covers, as errors show them. */
export const excerpt = (source: string, range: SourceRange, around = 2): string => {
  const lines = source.split('\n');
  const last =
    range.end.column === 1 && range.end.line > range.start.line ? range.end.line - 1 : range.end.line;
  const from = Math.max(1, range.start.line - around);
  const to = Math.min(lines.length, last + around);
  const width = String(to).length;
  const shown = lines.slice(from - 1, to).map((line, index) => {
    const number = from + index;
    const mark = number >= range.start.line && number <= last ? '>>>' : '   ';
    return `${String(number).padStart(width)} | ${mark} ${line.replace(/\r$/u, '')}`.trimEnd();
  });
  return ['-'.repeat(20), ...shown, '-'.repeat(20)].join('\n');
};
