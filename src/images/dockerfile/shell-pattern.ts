const SPECIAL = new Set('[]{}.+()|^$');

/**
 * A shell pattern (`*`, `?`, `\*`, `\?`, `\\`; no brackets) as a regular expression.
 * Throws an Error with a short reason for any other escape.
 */
const toExpression = (pattern: string, options: { greedy: boolean; anchored: boolean }): RegExp => {
  const characters = Array.from(pattern);
  let out = options.anchored ? '^' : '';
  for (let index = 0; index < characters.length; index += 1) {
    const character = characters[index] ?? '';
    const next = characters[index + 1];
    if (character === '*') out += options.greedy ? '.*' : '.*?';
    else if (character === '?') out += '.';
    else if (character === '\\') {
      // `\}` and `\/` only keep the character from ending the expression.
      if (next === '}' || next === '/') continue;
      if (next === undefined || !'*?\\'.includes(next)) throw new Error(`invalid escape '\\${next ?? ''}'`);
      out += `\\${next}`;
      index += 1;
    } else out += SPECIAL.has(character) || character === '/' ? `\\${character}` : character;
  }
  return new RegExp(out, 'u');
};

/** `${value#pattern}` (shortest) or `${value##pattern}` (longest). */
export const withoutPrefix = (value: string, pattern: string, greedy: boolean): string => {
  const match = toExpression(pattern, { greedy, anchored: true }).exec(value);
  return match === null ? value : value.slice(match[0].length);
};

/** The pattern written backwards, each escape kept before its character. */
const reversePattern = (pattern: string): string => {
  const tokens: string[] = [];
  const characters = Array.from(pattern);
  for (let index = 0; index < characters.length; index += 1) {
    const character = characters[index] ?? '';
    if (character === '\\' && index + 1 < characters.length) {
      tokens.push(character + (characters[index + 1] ?? ''));
      index += 1;
    } else tokens.push(character);
  }
  return tokens.toReversed().join('');
};

const reverseText = (text: string): string => Array.from(text).toReversed().join('');

/** `${value%pattern}` (shortest) or `${value%%pattern}` (longest). */
export const withoutSuffix = (value: string, pattern: string, greedy: boolean): string =>
  reverseText(withoutPrefix(reverseText(value), reversePattern(pattern), greedy));

/** `${value/pattern/replacement}`, or `${value//pattern/replacement}` with `all`; an Error once more than `limit` characters came in. */
export const replacePattern = (
  value: string,
  options: { pattern: string; replacement: string; all: boolean; limit: number },
): string => {
  const expression = toExpression(options.pattern, { greedy: true, anchored: false });
  const flags = options.all ? 'gu' : 'u';
  let added = 0;
  return value.replace(new RegExp(expression.source, flags), () => {
    added += options.replacement.length;
    if (added > options.limit) throw new Error('the result is too long');
    return options.replacement;
  });
};
