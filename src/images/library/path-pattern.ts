/** Patterns of Go's `path.Match`, by which Docker's `reference` filter goes. */

interface Span {
  readonly from: string;
  readonly to: string;
}

type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'any' }
  | { readonly kind: 'letter'; readonly letter: string }
  | { readonly kind: 'class'; readonly negated: boolean; readonly spans: readonly Span[] };

/** Letters of a pattern that are read one after another. */
interface Reader {
  readonly letters: readonly string[];
  at: number;
}

/** A letter, or the one after a backslash; undefined where the pattern ends or what stands there is no plain letter. */
const takeLetter = (reader: Reader, special: string): string | undefined => {
  const letter = reader.letters[reader.at];
  if (letter === undefined || special.includes(letter)) return undefined;
  reader.at += letter === '\\' ? 2 : 1;
  return letter === '\\' ? reader.letters[reader.at - 1] : letter;
};

const takeSpan = (reader: Reader): Span | undefined => {
  const from = takeLetter(reader, '-]');
  if (from === undefined || reader.letters[reader.at] !== '-') {
    return from === undefined ? undefined : { from, to: from };
  }
  reader.at += 1;
  const to = takeLetter(reader, '-]');
  return to === undefined ? undefined : { from, to };
};

/** What follows `[`. */
const takeClass = (reader: Reader): Token | undefined => {
  const negated = reader.letters[reader.at] === '^';
  if (negated) reader.at += 1;
  const spans: Span[] = [];
  while (spans.length === 0 || reader.letters[reader.at] !== ']') {
    const span = takeSpan(reader);
    if (span === undefined) return undefined;
    spans.push(span);
  }
  reader.at += 1;
  return { kind: 'class', negated, spans };
};

const takeToken = (reader: Reader): Token | undefined => {
  switch (reader.letters[reader.at] ?? '') {
    case '*':
      reader.at += 1;
      return { kind: 'star' };
    case '?':
      reader.at += 1;
      return { kind: 'any' };
    case '[':
      reader.at += 1;
      return takeClass(reader);
    default: {
      const letter = takeLetter(reader, '');
      return letter === undefined ? undefined : { kind: 'letter', letter };
    }
  }
};

const parse = (pattern: string): readonly Token[] | undefined => {
  const reader: Reader = { letters: Array.from(pattern), at: 0 };
  const tokens: Token[] = [];
  while (reader.at < reader.letters.length) {
    const token = takeToken(reader);
    if (token === undefined) return undefined;
    tokens.push(token);
  }
  return tokens;
};

const isIn = (letter: string, spans: readonly Span[]): boolean => {
  const point = letter.codePointAt(0) ?? 0;
  return spans.some(
    ({ from, to }) => (from.codePointAt(0) ?? 0) <= point && point <= (to.codePointAt(0) ?? 0),
  );
};

const fitsLetter = (token: Token | undefined, letter: string): boolean => {
  switch (token?.kind) {
    case 'any':
      return letter !== '/';
    case 'letter':
      return token.letter === letter;
    case 'class':
      return isIn(letter, token.spans) !== token.negated;
    case 'star':
    case undefined:
  }
  return false;
};

/** Goes back to the last star only: what an earlier one could take instead, the last one can take as well. */
const fits = (tokens: readonly Token[], text: readonly string[]): boolean => {
  let token = 0;
  let at = 0;
  let back: { readonly token: number; at: number } | undefined;
  while (at < text.length || token < tokens.length) {
    const letter = text[at];
    if (tokens[token]?.kind === 'star') {
      back = { token, at };
      token += 1;
    } else if (letter !== undefined && fitsLetter(tokens[token], letter)) {
      token += 1;
      at += 1;
    } else {
      const skipped = back === undefined ? undefined : text[back.at];
      if (back === undefined || skipped === undefined || skipped === '/') return false;
      back.at += 1;
      at = back.at;
      token = back.token + 1;
    }
  }
  return true;
};

/**
 * A test of whole texts: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are classes, `\` takes the next letter as it
 * is. Undefined for a malformed pattern. Takes time in proportion to pattern and text multiplied.
 */
export const compilePathPattern = (pattern: string): ((text: string) => boolean) | undefined => {
  const tokens = parse(pattern);
  return tokens === undefined ? undefined : (text) => fits(tokens, Array.from(text));
};
