import type { Statement } from './types.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
};

const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

const escapeCharacter = (character: string): string => {
  const known = ESCAPES[character];
  if (known !== undefined) return known;
  if (PRINTABLE.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
};

const quote = (text: string): string => `"${Array.from(text, escapeCharacter).join('')}"`;

/** A statement as an s-expression: keyword, flags in brackets, arguments in quotes, ONBUILD's statement in parentheses. */
export const printStatement = (statement: Statement): string => {
  const flags = statement.flags.map((flag) => quote(flag.value));
  const parts = [
    statement.keyword,
    ...(flags.length > 0 ? [`[${flags.join(' ')}]`] : []),
    ...statement.args.map((arg) => quote(arg.value)),
    ...(statement.child === undefined ? [] : [printStatement(statement.child)]),
  ];
  return `(${parts.join(' ')})`;
};
