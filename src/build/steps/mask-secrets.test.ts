import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSecretMask } from './mask-secrets.ts';

const masked = (secrets: readonly string[], chunks: readonly string[]): string => {
  const mask = createSecretMask(secrets.map((secret) => Buffer.from(secret)));
  if (mask === undefined) return chunks.join('');
  return Buffer.concat([...chunks.map((chunk) => mask.mask(Buffer.from(chunk))), mask.end()]).toString();
};

describe('a mask of secrets', () => {
  test.each([
    [['s3cret'], ['a s3', 'cr', 'et b'], 'a **** b'],
    [['s3cret\n'], ['s3cret\ns3cre'], '****\ns3cre'],
    [['abc', 'abcdef'], ['xabcdefx'], 'x****x'],
    [['first line\r\nsecond line\n'], ['x first line\ny second', ' line z'], 'x ****\ny **** z'],
    [['abc', 'abcdef'], ['xabc', 'de', 'fx'], 'x****x'],
    [['abc', 'abcdef'], ['xabc', 'de'], 'x****de'],
    [['aab'], ['aa', 'ab'], 'a****'],
    [['ab', 'x', ''], ['ab x'], 'ab x'],
  ])('%j of %j is %j', (secrets, chunks, expected) => {
    expect(masked(secrets, chunks)).toBe(expected);
  });

  test('is the same however the stream is cut, and never shows a secret', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 40 });
    const secret = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 3, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.array(letters, { maxLength: 8 }),
        fc.array(secret, { maxLength: 3 }),
        (chunks, secrets) => {
          const shown = masked(secrets, chunks);
          for (const one of secrets) expect(shown).not.toContain(one);
          expect(shown).toBe(masked(secrets, [chunks.join('')]));
        },
      ),
    );
  });
});
