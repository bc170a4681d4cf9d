import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replacePattern, withoutPrefix, withoutSuffix } from './shell-pattern.ts';

/** What the pattern means as an expression; exponential for some, and so only for short ones. */
const expressionOf = (pattern: string, greedy: boolean): string =>
  Array.from(pattern, (one) => {
    if (one === '*') return greedy ? '[^\n]*' : '[^\n]*?';
    return one === '?' ? '[^\n]' : one;
  }).join('');

const value = fc.array(fc.constantFrom('a', 'b', '\n'), { maxLength: 12 }).map((parts) => parts.join(''));
const pattern = fc
  .array(fc.constantFrom('a', 'b', '*', '?'), { maxLength: 6 })
  .map((parts) => parts.join(''));

describe('patterns of substitutions', () => {
  test('mean what their expressions mean', () => {
    fc.assert(
      fc.property(value, pattern, fc.boolean(), (text, glob, greedy) => {
        const match = new RegExp(`^${expressionOf(glob, greedy)}`, 'u').exec(text);
        expect(withoutPrefix(text, glob, greedy)).toBe(text.slice(match?.[0].length ?? 0));
      }),
      { numRuns: 5000 },
    );
  });

  test('replace what their expressions replace', () => {
    fc.assert(
      fc.property(value, pattern, fc.boolean(), (text, glob, all) => {
        const expression = new RegExp(expressionOf(glob, true), all ? 'gu' : 'u');
        // Right behind a match, Go finds no empty one.
        let last = -1;
        const want = text.replace(expression, (found: string, at: number) => {
          const skip = found === '' && at === last;
          last = at + found.length;
          return skip ? '' : `<${found.length}>`;
        });
        const got = replacePattern(text, { pattern: glob, replacement: '<>', all, limit: 1000 });
        expect(got).toBe(want.replaceAll(/<\d+>/gu, '<>'));
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ['a.b.c', '.*', false, 'a.b'],
    ['a.b.c', '.*', true, 'a'],
    ['aab', 'a\\*b', true, 'aab'],
    ['aa*b', 'a\\*b', true, 'a'],
    ['xyz', '?', false, 'xy'],
  ])('%s without the suffix %s (greedy: %s) is %s', (text, glob, greedy, want) =>
    expect(withoutSuffix(text, glob, greedy)).toBe(want),
  );

  test('cost time in proportion, or are refused', () => {
    const long = 'a'.repeat(60_000);
    expect(replacePattern(long, { pattern: 'a*a*a*a*a*a*b', replacement: '', all: true, limit: 10 })).toBe(
      long,
    );
    expect(withoutPrefix(long, `${'*a'.repeat(40)}*b`, true)).toBe(long);
    expect(() =>
      replacePattern(long, { pattern: `${'a?'.repeat(2000)}b`, replacement: '', all: true, limit: 10 }),
    ).toThrow('too costly');
  });
});
