const ASCII = /^[\x20-\x7E]*$/;
const ZERO = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const EMOJI = /^\p{Emoji_Presentation}$/u;
/** Makes the character before it an emoji, which is a column wider. */
const EMOJI_SELECTOR = '\uFE0F';

/** First and last code points of the East Asian wide and full-width blocks. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];

const characterWidth = (character: string): number => {
  const code = character.codePointAt(0) ?? 0;
  if (character === EMOJI_SELECTOR) return 1;
  if (code < 0x300) return 1;
  if (ZERO.test(character)) return 0;
  if (EMOJI.test(character)) return 2;
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
};

/** Columns that `text` takes on a terminal; it has no control characters. */
export const displayWidth = (text: string): number => {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
};

/** `text` in at most `columns` columns, with `…` where something was cut. */
export const clipToWidth = (text: string, columns: number): string => {
  if (columns <= 0) return '';
  if (text.length <= columns && ASCII.test(text)) return text;
  let [width, kept, cut] = [0, '', ''];
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns) return `${cut}…`;
    kept += character;
    if (width <= columns - 1) cut = kept;
  }
  return text;
};
