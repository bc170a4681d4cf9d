import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isLadeError } from '#errors';
import { expandWord } from './index.ts';

const spec = new URL('../../../../shared/spec/dockerfile-shell/', import.meta.url);
const available = existsSync(spec);

const tableOf = (name: string): readonly string[] =>
  available ? readFileSync(new URL(name, spec), 'utf8').split('\n') : [];

const expanded = (word: string, variables: Record<string, string>): string => {
  try {
    return expandWord(word, variables).value;
  } catch (error) {
    expect(isLadeError(error, 'invalid-argument')).toBe(true);
    return 'error';
  }
};

describe.skipIf(!available)('public table of expansions (needs ../shared/spec)', () => {
  const variables = { PWD: '/home', SHELL: 'bash', KOREAN: '한국어', NULL: '' };
  const rows = tableOf('envVarTest').flatMap((line) => {
    const text = line.replace(/^\s*#.*/u, '');
    const [platforms, word, want] = text.split('|').map((part) => part.trim());
    return text.includes('|') && /^[AU]/u.test(platforms ?? '')
      ? [{ word: word ?? '', want: want ?? '' }]
      : [];
  });
  test('has rows', () => expect(rows.length).toBeGreaterThan(100));
  test.each(rows)('$word gives $want', ({ word, want }) => {
    expect(expanded(word, variables)).toBe(want);
  });
});

describe.skipIf(!available)('public table of words (needs ../shared/spec)', () => {
  const variables: Record<string, string> = {};
  for (const line of tableOf('wordsTest')) {
    if (line.startsWith('#') || line.trim() === '') continue;
    if (line.startsWith('ENV ')) {
      const [name, value] = line.slice(4).replace(/^\s+/u, '').split(/=(.*)/su);
      variables[name ?? ''] = value ?? '';
      continue;
    }
    const [left, right] = line.split('|');
    const input = left?.trim();
    // White space at the end of the expectation counts.
    const want = right?.trimStart();
    const environment = { ...variables };
    test(`${input} gives ${want}`, () => {
      if (want === 'error') expect(expanded(input ?? '', environment)).toBe('error');
      else expect(expandWord(input ?? '', environment).words).toEqual((want ?? '').split(','));
    });
  }
});

describe('expandWord', () => {
  test.each([
    ['${x#*/}', 'b/c'],
    ['${x##*/}', 'c'],
    ['${x%/*}', 'a/b'],
    ['${x%%/*}', 'a'],
    ['${x/\\//-}', 'a-b/c'],
    ['${x//\\//-}', 'a-b-c'],
    ['${x//[b]/-}', 'a/b/c'],
    ['${star#\\*}', 'a*'],
    ['${star//\\*/+}', '+a+'],
    ['${unset-d}', 'd'],
    ['${empty-d}', ''],
    ['${empty:-d}', 'd'],
    ['${x:?needed}', 'a/b/c'],
  ])('%s gives %s', (word, want) => {
    expect(expandWord(word, { x: 'a/b/c', star: '*a*', empty: '' }).value).toBe(want);
  });

  test('tells which variables were used and which are unset', () => {
    const { used, unset } = expandWord('$a ${b:-$c}', { a: '1' });
    expect([...used]).toEqual(['a']);
    expect([...unset].toSorted()).toEqual(['b', 'c']);
  });

  test('keeps unset references, quotes and the other escape character when asked', () => {
    expect(expandWord('$a "$b"', { b: '2' }, { keepUnset: true, rawQuotes: true }).value).toBe('$a "2"');
    expect(expandWord('C:\\x`$a', { a: '1' }, { escape: '`' }).value).toBe('C:\\x$a');
  });

  test('a replacement is taken literally', () => {
    expect(expandWord('${x/a/$y}', { x: 'a', y: '$&' }).value).toBe('$&');
  });

  test.each(['${x', '"x', "'x", '${x:=1}', '${x?gone}', '${x#\\a}'])('%s is an error', (word) => {
    expect(() => expandWord(word, {})).toThrow(/failed to process/u);
  });
});

test('a word does not grow without end', () => {
  const big = { A: 'x'.repeat(200_000) };
  expect(expandWord('$A$A$A$A$A', big).value).toHaveLength(1_000_000);
  expect(() => expandWord('$A$A$A$A$A$A', big)).toThrow('more than a million characters');
  expect(() => expandWord('${B:-$A$A$A$A$A$A}', big)).toThrow('more than a million characters');
  expect(() => expandWord('${A//x/$A}', big)).toThrow('too long');
});

test('nesting has an end, and what is thrown away costs too', () => {
  const nested = (depth: number): string => `${'${x:-'.repeat(depth)}y${'}'.repeat(depth)}`;
  expect(expandWord(nested(300), {}).value).toBe('y');
  expect(() => expandWord(nested(20_000), {})).toThrow('nested deeper than 500');
  expect(() => expandWord('${B+$A}'.repeat(1000), { A: 'x'.repeat(100_000) })).toThrow('more than a million');
});

test.each([
  ['$', '$'],
  ['a$/b', 'a$/b'],
  ['${A:+${B:-$C}}', 'c'],
  ["'$A'", '$A'],
  ['"$A\\$A"', 'a$A'],
  ['"\\x"', '\\x'],
  ['${A}${B-b}', 'ab'],
  ['${A:-"x y"}', 'a'],
  ['${B:-"x y"}', 'x y'],
  ["${B:-'$A'}", '$A'],
  ['${P%%/*}${P##*/}', 'xz'],
  ['${P/x/}', '/y/z'],
  ['${P//\\//}', 'xyz'],
  ['${B/x/y}', ''],
  ['$1$A', 'a'],
  ['${1}', ''],
  ['äß$Ä', 'äßä'],
])('%s is %s', (word, want) =>
  expect(expandWord(word, { A: 'a', C: 'c', P: 'x/y/z', Ä: 'ä' }).value).toBe(want),
);

test('words are left out where only the value is wanted', () => {
  const options = { ignoreQuotes: true, valueOnly: true };
  const found = expandWord(`a "$x" \\$x \${y:-b c} `, { x: '1 2' }, options);
  expect(found).toMatchObject({ value: 'a "1 2" $x b c ', words: [] });
});
