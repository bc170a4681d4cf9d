import { expressionOf, isSimple, testPieces, type Piece, type Work } from './glob-pieces.ts';

/** A path that patterns judge; its characters are found once for all of them. */
export interface Judged {
  readonly path: string;
  characters?: readonly string[];
}

export type PathTest = (judged: Judged, work: Work) => boolean;

/** What has to be escaped in a class of an expression; a backslash before letters and digits would mean more. */
const escapedOf = (escaped: string | undefined): string => {
  if (escaped === undefined) return '\\\\';
  return /[\^$\\.*+?()[\]{}|/-]/u.test(escaped) ? `\\${escaped}` : escaped;
};

const classOf = (source: string): Piece => {
  const expression = new RegExp(`^${source}$`, 'u');
  return { kind: 'class', source, has: (character) => expression.test(character) };
};

/** One pattern in pieces: `*` and `?` stop at slashes, `**` does not. Throws a SyntaxError for a class out of order. */
const piecesOf = (pattern: string): readonly Piece[] => {
  const characters = Array.from(pattern);
  const pieces: Piece[] = [];
  let open = '';
  for (let index = 0; index < characters.length; index += 1) {
    const character = characters[index] ?? '';
    if (open !== '') {
      if (character === '\\') index += 1;
      open += character === '\\' ? escapedOf(characters[index]) : character;
      if (character !== ']') continue;
      pieces.push(classOf(open));
      open = '';
    } else if (character === '*' && characters[index + 1] === '*') {
      index += 1;
      if (characters[index + 1] === '/') index += 1;
      pieces.push({ kind: index + 1 >= characters.length ? 'tail' : 'deep' });
    } else if (character === '*') pieces.push({ kind: 'star' });
    else if (character === '?') pieces.push({ kind: 'any' });
    else if (character === '\\') {
      index += 1;
      pieces.push({ kind: 'character', value: characters[index] ?? '\\' });
    } else if (character === '[') open = character;
    else pieces.push({ kind: 'character', value: character });
  }
  return pieces;
};

const testWild = (pattern: string): PathTest => {
  const pieces = piecesOf(pattern);
  if (isSimple(pieces)) {
    const expression = expressionOf(pieces);
    return ({ path }, work) => {
      // An expression is quicker than the comparisons that are counted.
      work.left -= path.length >> 2;
      return expression.test(path);
    };
  }
  const test = testPieces(pieces);
  return (judged, work) => test((judged.characters ??= Array.from(judged.path)), work);
};

const WILD = /[*?[\]\\]/u;

/**
 * Tests paths against one well-formed pattern. `**` at one end needs no expression, and means a little more than one
 * would say. Throws a SyntaxError for a class out of order.
 */
export const testOf = (pattern: string): PathTest => {
  if (!WILD.test(pattern)) return ({ path }) => path === pattern;
  const body = pattern.slice(0, -2);
  if (pattern.endsWith('**') && !WILD.test(body)) return ({ path }) => path.startsWith(body);
  const suffix = pattern.slice(2);
  if (pattern.startsWith('**') && suffix !== '' && !WILD.test(suffix)) {
    return ({ path }) => path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1));
  }
  return testWild(pattern);
};
