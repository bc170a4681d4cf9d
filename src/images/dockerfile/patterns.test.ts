import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expressionOf, testPieces, type Piece } from './glob-pieces.ts';
import { cleanPath, createPatternMatcher, parseIgnoreFile } from './patterns.ts';

describe('createPatternMatcher', () => {
  test.each<[string[], string, boolean]>([
    [['**'], 'file', true],
    [['**'], 'dir/file', true],
    [['**/'], 'dir/file', true],
    [['**/**'], 'dir/file', true],
    [['dir/**'], 'file', false],
    [['dir/**'], 'dir/', true],
    [['dir/**'], 'dir/dir2/file', true],
    [['**/dir2/*'], 'dir/dir2/file', true],
    [['**/dir2/*'], 'dir/dir2/dir2/file', true],
    [['**/dir2/**'], 'dir/dir2/dir3/file', true],
    [['**file'], 'dir/file', true],
    [['**/file'], 'file', true],
    [['**/file'], 'dir/dir/file', true],
    [['**/file*'], 'dir/dir/file.txt', true],
    [['**/file*txt'], 'dir/dir/file.txt', true],
    [['**/**/*.txt'], 'dir/dir/file.txt', true],
    [['**/*.txt2'], 'dir/dir/file.txt', false],
    [['*.txt'], 'dir/file.txt', false],
    [['a**/*.txt'], 'a/dir/dir/file.txt', true],
    [['a/*.txt'], 'a/dir/file.txt', false],
    [['a[b-d]e'], 'ace', true],
    [['a[b-d]e'], 'aae', false],
    [['a[^b-d]e'], 'aze', true],
    [['.*'], '.foo', true],
    [['.*'], 'foo', false],
    [['abc.def'], 'abcXdef', false],
    [['abc?def'], 'abcZdef', true],
    [['a\\*b'], 'a*b', true],
    [['a\\*b'], 'axb', false],
    [['**/foo/bar'], 'foo/bar', true],
    [['**/foo/bar'], 'dir/foo/bar', true],
    [['abc/**'], 'abc', false],
    [['**/.foo'], 'bar.foo', false],
    [['a(b)c/def'], 'a(b)c/def', true],
    [['a.|)$(}+{bc'], 'a.|)$(}+{bc', true],
    [
      ['dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl'],
      'dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl',
      true,
    ],
    [['docs'], 'docs/README.md', true],
    [['docs', '!docs/README.md'], 'docs/README.md', false],
    [['docs/', '!docs/README.md'], 'docs/README.md', false],
    [['docs/*', '!docs/README.md'], 'docs/other', true],
    [['docs', '!docs/README.md', 'docs/README.md'], 'docs/README.md', true],
    [['*', '!docs', '!docs/*'], 'docs/README.md', false],
    [['**', '!util/docker/web'], 'util/docker/web/foo', false],
    [['**', '!util/docker/web', 'util/docker/web/foo'], 'util/docker/web/foo', true],
    [['**/dist', '!**/keep/dist'], 'a/keep/dist/x', false],
    [['], a]'], 'x', false],
  ])('%j and %s: %s', (patterns, path, want) => {
    expect(createPatternMatcher(patterns).matches(path)).toBe(want);
  });

  test('refuses patterns that cannot be compiled', () => {
    expect(() => createPatternMatcher(['!'])).toThrow(/bad pattern/u);
    expect(() => createPatternMatcher(['a[z-a]'])).toThrow(/bad pattern/u);
    expect(() => createPatternMatcher(['a[b'])).toThrow(/bad pattern/u);
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
    'a\\',
    '[a\\',
    '**/[',
    '![x-]',
  ])('refuses %s as Go does', (pattern) =>
    expect(() => createPatternMatcher([pattern])).toThrow(/syntax error in pattern/u),
  );

  test.each<[string, string, boolean]>([
    ['[\\]a]', ']', true],
    ['[\\-x]', '-', true],
    ['[x\\-]', 'x', true],
    ['[x\\-]', 'z', false],
    ['a[^a]b', 'a☺b', true],
    ['a???b', 'a☺☺☺b', true],
    ['[a-ζ]*', 'α', true],
    ['*[a-ζ]', 'A', false],
    ['a?b', 'a/b', false],
    ['a*b', 'a/b', false],
    ['[!a]', 'b', false],
    ['a]b', 'a]b', true],
  ])('%s and %s: %s, as Go has it', (pattern, path, want) =>
    expect(createPatternMatcher([pattern]).matches(path)).toBe(want),
  );

  test('a walk skips only directories in which everything matches', () => {
    const part = fc.constantFrom('a', 'b', 'ab', 'c');
    const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    const piece = fc.constantFrom('a', 'b', '*', '**', 'a*', '?');
    const pattern = fc
      .tuple(fc.boolean(), fc.array(piece, { minLength: 1, maxLength: 3 }))
      .map(([negated, parts]) => `${negated ? '!' : ''}${parts.join('/')}`);
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 4 }), path, (patterns, file) => {
        const matcher = createPatternMatcher(patterns);
        const parts = file.split('/');
        let state = undefined;
        let skipped = false;
        let verdict = false;
        for (let depth = 1; depth <= parts.length; depth += 1) {
          const here = parts.slice(0, depth).join('/');
          const judged = matcher.judge(here, state);
          state = judged.state;
          verdict = judged.matches;
          if (depth < parts.length && judged.matches && !matcher.mayTakeBackInside(here)) skipped = true;
        }
        expect(verdict).toBe(matcher.matches(file));
        if (skipped) expect(verdict).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

test('parseIgnoreFile cleans lines as docker does', () => {
  const text =
    '\uFEFF# comment\n\n  node_modules  \n/dist/\n! /keep\n!\n a/../b \n # not a comment\n**/x\r\n';
  expect(parseIgnoreFile(text)).toEqual([
    'node_modules',
    'dist',
    '!keep',
    '!',
    'b',
    '# not a comment',
    '**/x',
  ]);
});

test.each([
  ['a//b/./c/..', 'a/b'],
  ['', '.'],
  ['/..', '/'],
  ['../a', '../a'],
  ['a/', 'a'],
])('cleanPath(%j) is %s', (path, want) => expect(cleanPath(path)).toBe(want));

describe('many wildcards', () => {
  const literal = (value: string): Piece => ({ kind: 'character', value });
  const pair: Piece = { kind: 'class', source: '[a😀]', has: (character) => 'a😀'.includes(character) };

  test('mean what the expression of their pieces means', () => {
    const piece = fc.constantFrom<Piece>(
      { kind: 'star' },
      { kind: 'deep' },
      { kind: 'any' },
      ...['a', 'b', '/', '.', '😀'].map(literal),
      pair,
    );
    const path = fc.array(fc.constantFrom('a', 'b', '/', '.', '\n', '\r', '😀', '\udc80'), { maxLength: 8 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.boolean(), path, (pieces, tail, characters) => {
        const all: readonly Piece[] = tail ? [...pieces, { kind: 'tail' }] : pieces;
        const text = characters.join('');
        expect(testPieces(all)(Array.from(text), { left: 1e9 })).toBe(expressionOf(all).test(text));
      }),
      { numRuns: 4000 },
    );
  });

  test('take no longer than others', () => {
    const matcher = createPatternMatcher([`${'**/'.repeat(50)}${'a*'.repeat(30)}b`]);
    expect(matcher.matches('a'.repeat(250))).toBe(false);
    expect(matcher.matches(`x/y/${'a'.repeat(240)}b`)).toBe(true);
  });

  test.each(['*a*a*b', '**a**a**b', '**/*a*a*a*b', 'x**/*?*?*?c'])(
    '%s cost a long path little',
    (pattern) => {
      const folders = Array.from({ length: 16 }, () => 'a'.repeat(200)).join('/');
      const matcher = createPatternMatcher([pattern]);
      expect(matcher.matches(`${folders}/f`)).toBe(false);
    },
  );
});

describe('a character is what a reader takes for one', () => {
  const lone = '\udc80';
  test.each<[string, string, boolean]>([
    ['?', '😀', true],
    ['??', '😀', false],
    ['a?b', 'a😀b', true],
    ['*?b', '😀b', true],
    ['[😀]', '😀', true],
    ['[^a]', '😀', true],
    ['[😀-😂]x', '😁x', true],
    ['[😀-😂]x', '😃x', false],
    ['\\😀', '😀', true],
    ['[\\😀]', '😀', true],
    ['[\\"\\ \\é]', 'é', true],
    ['\\"\\-\\é', '"-é', true],
    ['?', lone, true],
    ['?', `😀${lone}`, false],
    ['??', `😀${lone}`, true],
    ['*?*?*?*', '😀', false],
    ['*?*?*?*', '😀😀😀', true],
    ['**/x', 'a\r/x', true],
    ['a**/b*', 'a\r\u2028/b', true],
    ['a**/b*', 'a\n/b', false],
  ])('%s and %j: %s', (pattern, path, want) =>
    expect(createPatternMatcher([pattern]).matches(path)).toBe(want),
  );
});

describe('patterns are bounded', () => {
  const many = Array.from({ length: 10_001 }, (_, index) => `p${index}`);
  test('in number and length', () => {
    expect(createPatternMatcher(many.slice(1)).matches('p10000')).toBe(true);
    expect(() => createPatternMatcher(many)).toThrow(/more than 10000 patterns/u);
    expect(() => parseIgnoreFile('a\n'.repeat(1 << 18))).not.toThrow();
    expect(() => parseIgnoreFile('a\n'.repeat((1 << 18) + 1))).toThrow(/524288 bytes/u);
    expect(() => createPatternMatcher(['*a'.repeat(2049)])).toThrow(/^bad pattern ".{100}…": it is longer/u);
  });

  test('in the time that one path takes', () => {
    const path = Array.from({ length: 16 }, () => 'a'.repeat(200)).join('/');
    const costly = createPatternMatcher(many.slice(1).map((name) => `**a**a**a${name}`));
    expect(() => costly.matches(path)).toThrow(/takes too long/u);
    const taken = createPatternMatcher(['*', ...many.slice(2).map((name) => `!*a*a*a*a${name}/*/x`)]);
    expect(() => taken.mayTakeBackInside(path)).toThrow(/takes too long/u);
  });

  test('a class with a slash in it may take back what is below', () => {
    const matcher = createPatternMatcher(['*', '!a[b/]c']);
    expect(matcher.mayTakeBackInside('a')).toBe(true);
  });
});
