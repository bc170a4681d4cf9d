const NAMED: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' };

const escapeOf = (character: string): string => {
  const named = NAMED[character];
  if (named !== undefined) return named;
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
};

/**
 * `text` with every control character (C0, DEL, C1, line and bidirectional controls) written as an escape, so that
 * what comes from an image or a container cannot steer the terminal.
 */
export const visible = (text: string): string =>
  text.replaceAll(/[^\x20-\x7E\xA0-\u2027\u202F-\u2065\u206A-\u{10FFFF}]/gu, escapeOf);

/** Docker's ellipsis: at most `width` characters, the last of which is `…` when something was cut. */
export const ellipsis = (text: string, width: number): string => {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
};

/** Twelve characters of an identifier, without its algorithm. */
export const shortId = (id: string): string => (id.split(':', 2)[1] ?? id).slice(0, 12);
