import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareSpecificity,
  compilePattern,
  isPattern,
  mostSpecific,
  patternExpression,
} from './repository-pattern.ts';

/** As slow and plain as the sentence in the documentation. */
const naiveCharacters = (pattern: string, text: string): boolean => {
  if (pattern === '') return text === '';
  if (pattern.startsWith('*'))
    return (
      naiveCharacters(pattern.slice(1), text) || (text !== '' && naiveCharacters(pattern, text.slice(1)))
    );
  return pattern[0] === text[0] && naiveCharacters(pattern.slice(1), text.slice(1));
};

const naive = (pattern: readonly string[], name: readonly string[]): boolean => {
  const [head, ...rest] = pattern;
  if (head === undefined) return name.length === 0;
  if (head === '**') return naive(rest, name) || (name.length > 0 && naive(pattern, name.slice(1)));
  const [first, ...others] = name;
  return first !== undefined && naiveCharacters(head, first) && naive(rest, others);
};

const name = fc
  .array(fc.string({ unit: fc.constantFrom('a', 'b', '-'), minLength: 1, maxLength: 5 }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((parts) => parts.join('/'));
const pattern = fc
  .array(
    fc.oneof(
      fc.constant('**'),
      fc
        .string({ unit: fc.constantFrom('a', 'b', '-', '*'), minLength: 1, maxLength: 5 })
        .map((part) => part.replaceAll(/\*+/g, '*')),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((parts) => parts.join('/'));

describe('patterns of repositories', () => {
  test.each([
    ['team/app', 'team/app', true],
    ['team/app', 'team/app/x', false],
    ['team/*', 'team/app', true],
    ['team/*', 'team', false],
    ['team/*', 'team/app/x', false],
    ['team/**', 'team', true],
    ['team/**', 'team/app/x', true],
    ['team/**', 'team2/app', false],
    ['**', 'any/thing', true],
    ['**/base', 'base', true],
    ['**/base', 'x/y/base', true],
    ['a/**/b', 'a/b', true],
    ['a/**/b', 'a/x/y/b', true],
    ['a/**/b', 'a/x/y/c', false],
    ['team-*/**', 'team-a/x/y', true],
    ['docker.io/**', 'dockerxio/a', false],
  ])('%s and %s: %s', (text, repository, expected) => {
    expect(compilePattern(text).matches(repository)).toBe(expected);
  });

  test('match as the naive reading of them does', () => {
    fc.assert(
      fc.property(pattern, name, (text, repository) => {
        const expected = naive(text.split('/'), repository.split('/'));
        expect(compilePattern(text).matches(repository)).toBe(expected);
        expect(new RegExp(patternExpression(text), 'u').test(repository)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });

  test('match what they were made from', () => {
    fc.assert(
      fc.property(name, fc.nat(), fc.nat(), (repository, at, length) => {
        const parts = repository.split('/');
        parts.splice(at % parts.length, length % 4, '**');
        expect(compilePattern(parts.join('/')).matches(repository)).toBe(true);
      }),
    );
  });

  test('do not explode', () => {
    const stars = compilePattern(`${'*a'.repeat(100)}b`);
    expect(stars.matches('a'.repeat(255))).toBe(false);
    const depths = compilePattern(`${'**/a/'.repeat(50)}b`);
    expect(depths.matches(`${'a/'.repeat(120)}c`)).toBe(false);
  });

  test.each(['', '/a', 'a/', 'a//b', 'a**', 'a/***', 'a b', 'ä', `a\n`, 'a'.repeat(301)])(
    '%j is none',
    (text) => {
      expect(isPattern(text)).toBe(false);
      expect(() => compilePattern(text)).toThrow(/pattern/);
    },
  );
});

describe('the most specific', () => {
  const among = (repository: string, ...texts: readonly string[]): string | undefined =>
    mostSpecific(
      texts.map((text) => ({ pattern: compilePattern(text) })),
      repository,
    )?.pattern.text;

  test('has most literal characters, then fewest wildcards', () => {
    expect(among('team/app', '**', 'team/**', 'team/*', 'team/app', 'other/**')).toBe('team/app');
    expect(among('team/web', '**', 'team/**', 'team/*', 'team/app')).toBe('team/*');
    expect(among('team/a/b', '**', 'team/**', 'team/*')).toBe('team/**');
    expect(among('x', 'team/**')).toBeUndefined();
  });

  test('does not depend on the order of different patterns', () => {
    fc.assert(
      fc.property(fc.uniqueArray(pattern, { maxLength: 8 }), name, (texts, repository) => {
        expect(among(repository, ...texts)).toBe(among(repository, ...texts.toReversed()));
      }),
    );
  });

  test('is a total order', () => {
    fc.assert(
      fc.property(pattern, pattern, pattern, (...texts) => {
        const [a, b, c] = texts.map(compilePattern);
        if (a === undefined || b === undefined || c === undefined) return;
        expect(Math.sign(compareSpecificity(a, b))).toBe(0 - Math.sign(compareSpecificity(b, a)));
        if (compareSpecificity(a, b) >= 0 && compareSpecificity(b, c) >= 0)
          expect(compareSpecificity(a, c)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
