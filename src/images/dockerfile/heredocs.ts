import { expandWord } from './shell-words.ts';
import type { LineReader } from './source-text.ts';
import type { Heredoc } from './types.ts';

/** The head of a heredoc, found on the instruction's line. */
export type HeredocHead = Omit<Heredoc, 'content' | 'range'>;

const FORM = /^(\d*)<<(-?)\s*([^<]*)$/u;

const quotesIn = (text: string): number => text.replaceAll(/[^'"]/gu, '').length;

/** Reads a word such as `<<EOF`, `3<<-"EOF"`; undefined when it is none. */
export const parseHeredocWord = (word: string): HeredocHead | undefined => {
  const match = FORM.exec(word);
  const delimiter = match?.[3] ?? '';
  if (match === null || delimiter === '') return undefined;
  const { words } = expandWord(delimiter, {}, { keepUnset: true });
  const name = words[0];
  if (name === undefined || words.length !== 1) return undefined;
  const raw = expandWord(delimiter, {}, { keepUnset: true, rawQuotes: true }).value;
  return {
    name,
    fileDescriptor: Number(match[1] === '' ? 0 : match[1]),
    expand: quotesIn(name) === quotesIn(raw),
    stripTabs: match[2] === '-',
  };
};

/** All heredocs that a line opens, in their order. A line whose quotes do not close opens none. */
export const heredocHeads = (line: string): readonly HeredocHead[] => {
  let words: readonly string[];
  try {
    words = expandWord(line, {}, { rawQuotes: true, rawEscapes: true, keepUnset: true }).words;
  } catch {
    return [];
  }
  return words.flatMap((word) => parseHeredocWord(word) ?? []);
};

/** The body as the shell or the file gets it: `<<-` loses its leading tabs. */
export const heredocText = (heredoc: Heredoc): string =>
  heredoc.stripTabs ? heredoc.content.replaceAll(/^\t+/gmu, '') : heredoc.content;

/** Reads one body up to its terminator, line by line; its result is undefined when the file ends before it. */
export function* readHeredocBody(
  head: HeredocHead,
  reader: LineReader,
): Generator<void, Heredoc | undefined> {
  let start: number | undefined;
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    start ??= line.offset;
    const candidate = head.stripTabs ? line.text.replace(/^\t+/u, '') : line.text;
    if (candidate === head.name) {
      const content = reader.source.slice(start, line.offset);
      return { ...head, content, range: reader.range(start, line.offset) };
    }
    yield;
  }
  return undefined;
}
