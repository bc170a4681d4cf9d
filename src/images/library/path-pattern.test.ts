import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compilePathPattern } from './path-pattern.ts';

const fits = (pattern: string, text: string): boolean | undefined => compilePathPattern(pattern)?.(text);

test.each([
  ['abc', 'abc', true],
  ['*', 'abc', true],
  ['*c', 'abc', true],
  ['a*/b', 'abc/b', true],
  ['a*/b', 'a/c/b', false],
  ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
  ['a*b*c*d*e*/f', 'axbxcxdxe/xxx/f', false],
  ['a*b?c*x', 'abxbbxdbxebxczzx', true],
  ['a*b?c*x', 'abxbbxdbxebxczzy', false],
  ['ab[c]', 'abc', true],
  ['ab[b-d]', 'abc', true],
  ['ab[e-g]', 'abc', false],
  ['ab[^e-g]', 'abc', true],
  [String.raw`a\*b`, 'a*b', true],
  [String.raw`a\*b`, 'ab', false],
  ['a?b', 'a☺b', true],
  ['a[^a]b', 'a☺b', true],
  ['a???b', 'a☺b', false],
  [String.raw`[a-ζ]*`, 'α', true],
  ['a?b', 'a/b', false],
  ['a*b', 'a/b', false],
  [String.raw`[\]a]`, ']', true],
  [String.raw`[\-x]`, '-', true],
  [String.raw`[\-x]`, 'z', false],
  ['*x', 'xxx', true],
  ['', '', true],
  ['', 'x', false],
])('%s on %s: %s', (pattern, text, expected) => {
  expect(fits(pattern, text)).toBe(expected);
});

test.each([
  '[]a]',
  '[-]',
  '[x-]',
  '[-x]',
  '[a-b-c]',
  '[',
  '[^',
  '[^bc',
  'a[',
  String.raw`a\ `.trim(),
  '[a-]b',
])('%s is malformed', (pattern) => {
  expect(compilePathPattern(pattern)).toBeUndefined();
});

/** The rules word for word, in exponential time. */
const slowly = (pattern: string, text: string): boolean => {
  const [token] = pattern;
  if (token === undefined) return text === '';
  const rest = pattern.slice(1);
  if (token === '*') {
    return slowly(rest, text) || (text !== '' && !text.startsWith('/') && slowly(pattern, text.slice(1)));
  }
  if (text === '') return false;
  return (token === '?' ? !text.startsWith('/') : text.startsWith(token)) && slowly(rest, text.slice(1));
};

test('stars are tried as far as they may reach', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '?'), maxLength: 8 });
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });
  fc.assert(
    fc.property(pattern, text, (globs, letters) => {
      expect(fits(globs, letters)).toBe(slowly(globs, letters));
    }),
    { numRuns: 3_000 },
  );
});

test('a pattern of many stars takes no long time', () => {
  expect(fits(`${'*a'.repeat(200)}b`, 'a'.repeat(5_000))).toBe(false);
});
