import { isSpace } from './source-text.ts';

/** A word and its place in the joined line of a statement. */
export interface Span {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

const BLANKS = /[\t\v\f\r ]+/gu;

/** The part of `text` from `start` without white space at both ends. */
export const trimmedSpan = (text: string, start: number, end = text.length): Span => {
  let from = start;
  let to = end;
  while (from < to && isSpace(text[from] ?? '')) from += 1;
  while (to > from && isSpace(text[to - 1] ?? '')) to -= 1;
  return { value: text.slice(from, to), start: from, end: to };
};

/** Splits at blanks, without regard to quotes. */
export const splitBlanks = (span: Span): readonly Span[] => {
  if (span.value === '') return [];
  const parts: Span[] = [];
  let from = 0;
  const push = (to: number): void => {
    parts.push({ value: span.value.slice(from, to), start: span.start + from, end: span.start + to });
  };
  for (const match of span.value.matchAll(BLANKS)) {
    push(match.index);
    from = match.index + match[0].length;
  }
  push(span.value.length);
  return parts;
};

/** Splits at the first blanks only; the second part is undefined when there are none. */
export const splitFirst = (span: Span): readonly [Span, Span | undefined] => {
  const match = /[\t\v\f\r ]+/u.exec(span.value);
  if (match === null) return [span, undefined];
  const rest = match.index + match[0].length;
  return [
    { value: span.value.slice(0, match.index), start: span.start, end: span.start + match.index },
    { value: span.value.slice(rest), start: span.start + rest, end: span.end },
  ];
};

/**
 * Splits at white space outside quotes. Quotes and escapes stay in the words: they are taken away when variables are
 * expanded. An escape at the very end is dropped.
 */
export const splitWords = (span: Span, escape: string): readonly Span[] => {
  const text = span.value;
  const words: Span[] = [];
  let at = 0;
  while (at < text.length) {
    while (at < text.length && isSpace(text[at] ?? '')) at += 1;
    const start = at;
    let value = '';
    let quote = '';
    for (; at < text.length; at += 1) {
      const character = text[at] ?? '';
      if (quote === '' && isSpace(character)) break;
      if (character === escape && quote !== "'") {
        if (at + 1 === text.length) continue;
        value += character + (text[at + 1] ?? '');
        at += 1;
        continue;
      }
      if (quote === '' && (character === "'" || character === '"')) quote = character;
      else if (character === quote) quote = '';
      value += character;
    }
    if (value !== '') words.push({ value, start: span.start + start, end: span.start + at });
  }
  return words;
};

/** Flags `--…` at the start of `span`, unquoted, and what follows them. `--` alone ends the flags. */
export const splitFlags = (
  span: Span,
  escape: string,
): { readonly flags: readonly Span[]; readonly rest: Span } => {
  const text = span.value;
  const flags: Span[] = [];
  let at = 0;
  const restFrom = (index: number): { flags: readonly Span[]; rest: Span } => {
    const rest = trimmedSpan(text, index);
    return { flags, rest: { value: rest.value, start: span.start + rest.start, end: span.start + rest.end } };
  };
  for (;;) {
    while (at < text.length && isSpace(text[at] ?? '')) at += 1;
    if (!text.startsWith('--', at)) return restFrom(at);
    const start = at;
    const [value, end] = readFlag(text, at, escape);
    at = end;
    if (value === '--') return restFrom(at);
    flags.push({ value, start: span.start + start, end: span.start + end });
  }
};

/** Reads one flag with its quotes and escapes resolved; answers it and where it ends. */
const readFlag = (text: string, from: number, escape: string): readonly [string, number] => {
  let value = '';
  let quote = '';
  let at = from;
  for (; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (quote === '' && isSpace(character)) break;
    if (character === escape) {
      at += 1;
      value += text[at] ?? '';
    } else if (quote === '' && (character === "'" || character === '"')) quote = character;
    else if (character === quote) quote = '';
    else value += character;
  }
  return [value, at];
};
