import { isSpace } from './source-text.ts';
import type { Span } from './spans.ts';

/** What the text is as a JSON array of strings. */
type JsonForm =
  | { readonly kind: 'strings'; readonly items: readonly Span[] }
  /** No JSON array: the text is for the shell. */
  | { readonly kind: 'other' }
  /** A JSON array with something else than strings. */
  | { readonly kind: 'mixed' };

const OTHER: JsonForm = { kind: 'other' };

/** Places of the string literals of a valid JSON array of strings. */
const literalPlaces = (text: string): readonly (readonly [number, number])[] =>
  [...text.matchAll(/"(?:[^"\\]|\\.)*"/gsu)].map((match) => [match.index, match.index + match[0].length]);

/** Reads `text` as a JSON array of strings; `base` is added to the places of its items. */
export const parseJsonForm = (text: string, base = 0): JsonForm => {
  let start = 0;
  while (isSpace(text[start] ?? '')) start += 1;
  if (text[start] !== '[') return OTHER;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return OTHER;
  }
  if (!Array.isArray(value)) return OTHER;
  if (!value.every((item) => typeof item === 'string')) return { kind: 'mixed' };
  const places = literalPlaces(text);
  const items = value.map((item, index): Span => {
    const [from, to] = places[index] ?? [start, text.length];
    return { value: item, start: base + from, end: base + to };
  });
  return { kind: 'strings', items };
};
