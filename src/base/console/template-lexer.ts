import { consoleErrors } from './errors.ts';

export type Token =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'open' }
  | { readonly kind: 'close' }
  /** Blanks: they end an operand. */
  | { readonly kind: 'space' }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'word'; readonly word: string }
  | { readonly kind: 'mark'; readonly mark: '.' | '|' | '(' | ')' | ',' | ':=' | '=' };

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\u0007',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/** What a Go string literal's inside means. */
const unquote = (inside: string): string =>
  inside.replaceAll(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|(.))/g,
    (...match: readonly (string | undefined)[]) => {
      const [, hex, short, long, octal, letter] = match;
      const digits = hex ?? short ?? long;
      if (digits !== undefined) return String.fromCodePoint(Number.parseInt(digits, 16));
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      return ESCAPES[letter ?? ''] ?? letter ?? '';
    },
  );

type Rule = readonly [RegExp, (match: RegExpExecArray) => Token];

/** Rules with the characters that may begin a name, and those that may follow, as parts of a regular expression. */
const rulesWith = (first: string, next: string): readonly Rule[] => [
  [/\s+/y, () => ({ kind: 'space' })],
  [/"((?:[^"\\\n]|\\.)*)"/y, (match) => ({ kind: 'string', value: unquote(match[1] ?? '') })],
  [/`([^`]*)`/y, (match) => ({ kind: 'string', value: match[1] ?? '' })],
  [
    /'((?:[^'\\\n]|\\.)+)'/y,
    (match) => ({ kind: 'number', value: unquote(match[1] ?? '').codePointAt(0) ?? 0 }),
  ],
  [
    /[-+]?(?:0x[\da-fA-F_]+|0b[01_]+|0o[0-7_]+|\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+)/y,
    (match) => ({ kind: 'number', value: numberOf(match[0]) }),
  ],
  [new RegExp(`\\.([${first}][${next}]*)`, 'uy'), (match) => ({ kind: 'field', name: match[1] ?? '' })],
  [new RegExp(`\\$([${next}]*)`, 'uy'), (match) => ({ kind: 'variable', name: match[1] ?? '' })],
  [new RegExp(`[${first}][${next}]*`, 'uy'), (match) => ({ kind: 'word', word: match[0] })],
  [/:=|[.|(),=]/y, (match) => ({ kind: 'mark', mark: match[0] as '.' })],
];

/** Go's names may have letters of any script. Classes of Unicode cost milliseconds, so only where there are some. */
const rulesFor = (source: string): readonly Rule[] =>
  /[\u0080-\uffff]/.test(source)
    ? rulesWith(String.raw`\p{L}_`, String.raw`\p{L}\p{N}_`)
    : rulesWith('A-Za-z_', String.raw`\w`);

const numberOf = (text: string): number => {
  const plain = text.replaceAll('_', '');
  return plain.startsWith('-') ? -Number(plain.slice(1)) : Number(plain.replace(/^\+/, ''));
};

const nextToken = (
  source: string,
  at: number,
  rules: readonly Rule[],
): { readonly token: Token; readonly end: number } | undefined => {
  for (const [pattern, make] of rules) {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match !== null) return { token: make(match), end: pattern.lastIndex };
  }
  return undefined;
};

const isClose = (source: string, at: number): boolean =>
  source.startsWith('}}', at) || /^\s-\}\}/.test(source.slice(at, at + 4));

/** Tokens of the action that begins at `at`; returns where it ends, before its closing mark. */
const lexAction = (
  source: string,
  start: number,
  into: { readonly tokens: Token[]; readonly rules: readonly Rule[] },
): number => {
  const { tokens, rules } = into;
  let at = start;
  while (!isClose(source, at)) {
    if (at >= source.length) throw consoleErrors.templateInvalid({ problem: 'unclosed action' });
    const next = nextToken(source, at, rules);
    if (next === undefined)
      throw consoleErrors.templateInvalid({
        problem: `unexpected "${source.charAt(at)}" in action at character ${at + 1}`,
      });
    tokens.push(next.token);
    at = next.end;
  }
  return at;
};

const COMMENT = /(?:- )?\/\*[^]*?\*\/( -)?\}\}/y;

/** The tokens of a template; `{{-` and `-}}` have already eaten the blanks beside them. */
export const lexTemplate = (source: string): readonly Token[] => {
  const tokens: Token[] = [];
  const into = { tokens, rules: rulesFor(source) };
  let [at, trimNext] = [0, false];
  while (at < source.length) {
    const open = source.indexOf('{{', at);
    const end = open === -1 ? source.length : open;
    const trims = open !== -1 && /^\{\{-\s/.test(source.slice(open, open + 4));
    let text = source.slice(at, end);
    if (trimNext) text = text.trimStart();
    if (trims) text = text.trimEnd();
    if (text !== '') tokens.push({ kind: 'text', text });
    if (open === -1) break;
    COMMENT.lastIndex = open + 2;
    const comment = COMMENT.exec(source);
    if (comment !== null) {
      [at, trimNext] = [COMMENT.lastIndex, comment[1] !== undefined];
      continue;
    }
    tokens.push({ kind: 'open' });
    const close = lexAction(source, open + (trims ? 3 : 2), into);
    tokens.push({ kind: 'close' });
    trimNext = !source.startsWith('}}', close);
    at = close + (trimNext ? 4 : 2);
  }
  return tokens;
};
