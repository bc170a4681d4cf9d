/** A byte that is no UTF-8 becomes the lone surrogate U+DC00 + byte, as Python's surrogateescape (PEP 383) does. */
const ESCAPE = 0xdc00;

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** Length of the UTF-8 sequence that a first byte announces; 0 where none starts with it. */
const announced = (first: number): number => {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
};

/** Overlong forms, surrogates and what lies above U+10FFFF, by the second byte. */
const isAllowed = (first: number, second: number | undefined): boolean => {
  if (second === undefined) return false;
  if (first === 0xe0) return second >= 0xa0;
  if (first === 0xed) return second < 0xa0;
  if (first === 0xf0) return second >= 0x90;
  return first !== 0xf4 || second < 0x90;
};

const sequenceLength = (bytes: Buffer, at: number): number => {
  const first = bytes[at] ?? 0;
  const length = announced(first);
  if (length < 2) return length;
  if (!isAllowed(first, bytes[at + 1])) return 0;
  for (let i = 1; i < length; i++) if (!isContinuation(bytes[at + i])) return 0;
  return length;
};

/**
 * The name that `bytes` spell: ordinary text where they are UTF-8, with lone surrogates for the bytes that are not.
 * `encodeName` gives back exactly these bytes.
 */
export const decodeName = (bytes: Buffer): string => {
  const text = bytes.toString('utf8');
  if (!text.includes('\uFFFD')) return text;
  let name = '';
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    name +=
      length === 0 ? String.fromCharCode(ESCAPE + (bytes[at] ?? 0)) : bytes.toString('utf8', at, at + length);
    at += Math.max(1, length);
  }
  return name;
};

const isEscape = (part: string): boolean => part.length === 1 && part >= '\uDC80' && part <= '\uDCFF';

/** The bytes of a name; the inverse of `decodeName`, and plain UTF-8 for ordinary text. */
export const encodeName = (name: string): Buffer => {
  if (name.isWellFormed()) return Buffer.from(name, 'utf8');
  const parts = Array.from(name, (part) =>
    isEscape(part) ? Buffer.of(part.charCodeAt(0) - ESCAPE) : Buffer.from(part, 'utf8'),
  );
  return Buffer.concat(parts);
};

/** A path for node:fs: text where it can be, bytes where it must be. */
export const fsPath = (name: string): string | Buffer => (name.isWellFormed() ? name : encodeName(name));

const FIRST_SURROGATE = 0xd800;

/** Orders names by their bytes, as LC_ALL=C sort does. */
export const compareNames = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  if (at === length) return a.length - b.length;
  const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)];
  // UTF-16 order differs from byte order only where surrogates take part.
  if (one >= FIRST_SURROGATE || other >= FIRST_SURROGATE) return Buffer.compare(encodeName(a), encodeName(b));
  return one - other;
};
