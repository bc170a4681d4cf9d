/** One piece of a path pattern: what may stand there, in characters (not in the units that strings are made of). */
export type Piece =
  | { readonly kind: 'character'; readonly value: string }
  /** `source` is a class of a regular expression. */
  | { readonly kind: 'class'; readonly source: string; readonly has: (character: string) => boolean }
  /** Any character but a slash. */
  | { readonly kind: 'any' }
  /** Any text without a slash. */
  | { readonly kind: 'star' }
  /** Any text of one line. */
  | { readonly kind: 'tail' }
  /** Nothing, or any text of one line that ends with a slash. */
  | { readonly kind: 'deep' };

/** What a judgement may still cost, in comparisons of a piece with a character. */
export interface Work {
  left: number;
}

/** The places in the pieces that a match may have come to. Each is there once. */
interface Places {
  readonly list: Int32Array;
  readonly since: Uint32Array;
  count: number;
  turn: number;
}

const newPlaces = (size: number): Places => ({
  list: new Int32Array(size),
  since: new Uint32Array(size),
  count: 0,
  turn: 0,
});

const clear = (places: Places): void => {
  places.count = 0;
  places.turn += 1;
};

/** True when the place was not there before. */
const put = (places: Places, place: number): boolean => {
  if (places.since[place] === places.turn) return false;
  places.since[place] = places.turn;
  places.list[places.count] = place;
  places.count += 1;
  return true;
};

/**
 * Before piece `index` is place `2 * index`; inside the directories that it passes, `2 * index + 1`. Wildcards may
 * stand for nothing: the piece after one is reached with it.
 */
const enter = (pieces: readonly Piece[], places: Places, index: number): void => {
  for (let at = index; put(places, 2 * at); at += 1) {
    const kind = pieces[at]?.kind;
    if (kind !== 'star' && kind !== 'tail' && kind !== 'deep') return;
  }
};

const advance = (pieces: readonly Piece[], to: Places, place: number, character: string): void => {
  const index = place >> 1;
  const piece = pieces[index];
  if (piece === undefined) return;
  switch (piece.kind) {
    case 'character':
      if (piece.value === character) enter(pieces, to, index + 1);
      return;
    case 'class':
      if (piece.has(character)) enter(pieces, to, index + 1);
      return;
    case 'any':
      if (character !== '/') enter(pieces, to, index + 1);
      return;
    case 'star':
      if (character !== '/') enter(pieces, to, index);
      return;
    case 'tail':
      if (character !== '\n') enter(pieces, to, index);
      return;
    case 'deep':
      if (character !== '\n') put(to, 2 * index + 1);
      if (character === '/') enter(pieces, to, index + 1);
      return;
    default:
      piece satisfies never;
  }
};

/**
 * Tests paths, given in characters, against pieces, in time that grows with pieces times path: a regular expression
 * could take for ever.
 */
export const testPieces = (
  pieces: readonly Piece[],
): ((characters: readonly string[], work: Work) => boolean) => {
  const size = 2 * pieces.length + 2;
  let places: readonly [Places, Places] | undefined;
  return (characters, work) => {
    places ??= [newPlaces(size), newPlaces(size)];
    let [from, to] = places;
    clear(from);
    enter(pieces, from, 0);
    for (const character of characters) {
      if (from.count === 0) return false;
      work.left -= from.count;
      if (work.left < 0) return false;
      clear(to);
      for (let at = 0; at < from.count; at += 1) advance(pieces, to, from.list[at] ?? 0, character);
      [from, to] = [to, from];
    }
    return from.since[2 * pieces.length] === from.turn;
  };
};

const SYNTAX = /[\^$\\.*+?()[\]{}|/]/u;

const sourceOf = (piece: Piece): string => {
  switch (piece.kind) {
    case 'character':
      return SYNTAX.test(piece.value) ? `\\${piece.value}` : piece.value;
    case 'class':
      return piece.source;
    case 'any':
      return '[^/]';
    case 'star':
      return '[^/]*';
    case 'tail':
      return '[^\n]*';
    case 'deep':
      return '([^\n]*/)?';
    default:
      return piece satisfies never;
  }
};

/** The expression that pieces make together, which is quick as long as few of them are wildcards. */
export const expressionOf = (pieces: readonly Piece[]): RegExp =>
  new RegExp(`^${pieces.map(sourceOf).join('')}$`, 'u');

/** Whether the expression takes time that grows with the path alone, or nearly. */
export const isSimple = (pieces: readonly Piece[]): boolean => {
  const wild = pieces.filter(({ kind }) => kind === 'star' || kind === 'tail' || kind === 'deep');
  return wild.length <= 2 && wild.filter(({ kind }) => kind === 'deep').length <= 1;
};
