import { firstWord } from './check-options.ts';
import { trimStart } from './source-text.ts';
import type { Directive } from './types.ts';

const NAMES: ReadonlySet<string> = new Set<Directive['name']>(['syntax', 'escape', 'check']);
const FORM = /^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/u;

const isDirectiveName = (name: string): name is Directive['name'] => NAMES.has(name);

/** What one line means to the directive block at the top of a Dockerfile. */
type DirectiveLine =
  | { readonly kind: 'directive'; readonly name: Directive['name']; readonly value: string }
  | { readonly kind: 'duplicate'; readonly name: Directive['name'] }
  | { readonly kind: 'end' };

/** Reads the directive block line by line; after the first line that is no directive, every answer is `end`. */
export const createDirectiveScanner = (mark = '#'): ((line: string) => DirectiveLine) => {
  const seen = new Set<string>();
  let done = false;
  const end = (): DirectiveLine => {
    done = true;
    return { kind: 'end' };
  };
  return (line) => {
    if (done || !line.startsWith(mark)) return end();
    const match = FORM.exec(trimStart(line.slice(mark.length)));
    const name = match?.[1]?.toLowerCase() ?? '';
    if (!isDirectiveName(name)) return end();
    if (seen.has(name)) return { kind: 'duplicate', name };
    seen.add(name);
    return { kind: 'directive', name, value: match?.[2] ?? '' };
  };
};

const scanFor = (lines: Iterable<string>, name: Directive['name'], mark: string): string | undefined => {
  const scan = createDirectiveScanner(mark);
  for (const line of lines) {
    const found = scan(line.replace(/\r$/u, ''));
    if (found.kind !== 'directive') return undefined;
    if (found.name === name) return firstWord(found.value);
  }
  return undefined;
};

const fromJson = (source: string): string | undefined => {
  if (!source.trimStart().startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(source);
    if (typeof value !== 'object' || value === null || !('syntax' in value)) return undefined;
    return typeof value.syntax === 'string' ? value.syntax : undefined;
  } catch {
    return undefined;
  }
};

/** The text after a byte order mark and a first line `#!…`. */
const withoutShebang = (source: string): string => {
  const text = source.replace(/^\uFEFF/u, '');
  if (!text.startsWith('#!')) return text;
  const newline = text.indexOf('\n');
  return newline < 0 ? '' : text.slice(newline + 1);
};

/** Lines one by one: the rest of a large file is not looked at. */
function* linesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    yield text.slice(at, end);
    at = end + 1;
  }
}

/**
 * The frontend that a file names: `# syntax=`, `// syntax=` or `{"syntax": …}`; a first line `#!…` is skipped, and what
 * follows the name after a blank. Lade builds `docker/dockerfile` itself; the caller decides what to do with another.
 */
export const detectSyntax = (source: string): string | undefined => {
  const text = withoutShebang(source);
  return scanFor(linesOf(text), 'syntax', '#') ?? scanFor(linesOf(text), 'syntax', '//') ?? fromJson(text);
};

/** The value of the directive `check`, which may also stand after a first line `#!…`. */
export const detectChecks = (source: string): string =>
  scanFor(linesOf(withoutShebang(source)), 'check', '#') ?? '';
