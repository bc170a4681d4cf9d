import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  algorithmOf,
  chainIds,
  hexOf,
  isDigest,
  matchesDigest,
  parseDiffId,
  parseDigest,
  sha256Of,
  shortId,
} from './index.ts';

const sha256 = `sha256:${'a'.repeat(64)}`;
const sha512 = `sha512:${'b'.repeat(128)}`;

describe('digests', () => {
  test('of both algorithms', () => {
    expect(algorithmOf(parseDigest(sha256))).toBe('sha256');
    expect(hexOf(parseDigest(sha512))).toHaveLength(128);
    expect(shortId(parseDigest(sha256))).toBe('aaaaaaaaaaaa');
  });

  test.each([
    '',
    'sha256',
    'sha256:',
    `sha256:${'A'.repeat(64)}`,
    `sha256:${'a'.repeat(63)}`,
    `sha512:${'a'.repeat(64)}`,
    `md5:${'a'.repeat(32)}`,
    `sha256:${'a'.repeat(64)}:x`,
    `sha256:${'a'.repeat(63)}\n`,
    `__proto__:${'a'.repeat(64)}`,
    `../sha256:${'a'.repeat(64)}`,
  ])('refuses %j', (text) => {
    expect(isDigest(text)).toBe(false);
    expect(() => parseDigest(text)).toThrow(expect.objectContaining({ kind: 'invalid-argument' }));
  });

  test('name bytes', () => {
    const bytes = Buffer.from('lade');
    expect(sha256Of(bytes)).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
    expect(
      matchesDigest(bytes, parseDigest(`sha512:${createHash('sha512').update(bytes).digest('hex')}`)),
    ).toBe(true);
    expect(matchesDigest(bytes, parseDigest(sha512))).toBe(false);
  });

  test('chain IDs follow image-spec config.md', () => {
    const [a, b, c] = ['1', '2', '3'].map((digit) => parseDiffId(`sha256:${digit.repeat(64)}`));
    const [first, second, third] = chainIds([a!, b!, c!]);
    expect(first).toBe(a);
    expect(second).toBe(sha256Of(`${a} ${b}`));
    expect(third).toBe(sha256Of(`${second} ${c}`));
  });
});
