import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalString,
  familiarName,
  familiarString,
  parseImageIdOrReference,
  parseReference,
  withDigest,
  withTag,
  parseDigest,
} from './index.ts';

const hex = 'a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4';
const digest = `sha256:${hex}`;

describe('normalisation', () => {
  test.each([
    ['alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
    ['alpine:3.20', 'docker.io/library/alpine:3.20', 'alpine:3.20'],
    ['grafana/grafana', 'docker.io/grafana/grafana:latest', 'grafana/grafana:latest'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
    ['docker.io/library/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
    ['index.docker.io/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
    ['index.docker.io/a/b', 'docker.io/a/b:latest', 'a/b:latest'],
    ['docker.io/library/a/b', 'docker.io/library/a/b:latest', 'library/a/b:latest'],
    ['localhost/x', 'localhost/x:latest', 'localhost/x:latest'],
    ['localhost:5000/x', 'localhost:5000/x:latest', 'localhost:5000/x:latest'],
    ['localhost:5000/shop/web:1.0', 'localhost:5000/shop/web:1.0', 'localhost:5000/shop/web:1.0'],
    ['[::1]:5000/x', '[::1]:5000/x:latest', '[::1]:5000/x:latest'],
    ['example.com/x', 'example.com/x:latest', 'example.com/x:latest'],
    ['Uppercase/x', 'Uppercase/x:latest', 'Uppercase/x:latest'],
    [`alpine@${digest}`, `docker.io/library/alpine@${digest}`, `alpine@${digest}`],
    [`alpine:3@${digest}`, `docker.io/library/alpine:3@${digest}`, `alpine:3@${digest}`],
    ['a__b/c-d--e/f.g', 'docker.io/a__b/c-d--e/f.g:latest', 'a__b/c-d--e/f.g:latest'],
    ['x:Tag_1.0-RC', 'docker.io/library/x:Tag_1.0-RC', 'x:Tag_1.0-RC'],
  ])('%s', (given, canonical, familiar) => {
    const reference = parseReference(given);
    expect(canonicalString(reference)).toBe(canonical);
    expect(familiarString(reference)).toBe(familiar);
  });

  test('adds no tag on demand', () => {
    expect(parseReference('alpine', { defaultTag: false })).toEqual({
      domain: 'docker.io',
      path: 'library/alpine',
    });
  });

  test('withTag and withDigest replace both', () => {
    const reference = parseReference(`x:1@${digest}`);
    expect(familiarString(withTag(reference, '2'))).toBe('x:2');
    expect(familiarString(withDigest(reference, parseDigest(digest)))).toBe(`x@${digest}`);
    expect(() => withTag(reference, 'a/b')).toThrow('invalid tag format');
  });
});

describe('refusals', () => {
  test.each([
    ['Alpine', 'invalid reference format: repository name (library/Alpine) must be lowercase'],
    ['docker.io/Foo/bar', 'invalid reference format: repository name (Foo/bar) must be lowercase'],
    ['localhost:5000/Foo', 'invalid reference format: repository name (Foo) must be lowercase'],
    [hex, `invalid repository name (${hex}), cannot specify 64-byte hexadecimal strings`],
    ['', 'invalid reference format'],
    [':tag', 'invalid reference format'],
    ['a b', 'invalid reference format'],
    ['a:b:c', 'invalid reference format'],
    ['a//b', 'invalid reference format'],
    ['a/', 'invalid reference format'],
    ['/a', 'invalid reference format'],
    ['-a', 'invalid reference format'],
    ['a..b', 'invalid reference format'],
    ['a___b', 'invalid reference format'],
    ['a\n', 'invalid reference format'],
    ['x:.dot', 'invalid reference format'],
    [`x:${'t'.repeat(129)}`, 'invalid reference format'],
    ['x@sha256:abc', 'invalid reference format'],
    ['https://example.com/x', 'invalid reference format'],
    [`e.com/${'a'.repeat(256)}`, 'repository name must not be more than 255 characters'],
  ])('%j', (given, message) => {
    expect(() => parseReference(given)).toThrow(
      expect.objectContaining({ kind: 'invalid-argument', message }),
    );
  });

  test('digests of other algorithms or lengths', () => {
    expect(() => parseReference(`x@md5:${'0'.repeat(32)}`)).toThrow(/unsupported algorithm/);
    expect(() => parseReference(`x@sha256:${'0'.repeat(40)}`)).toThrow(/needs 64 digits/);
  });
});

const part = fc.stringMatching(/^[a-z0-9]{1,8}(?:[._-][a-z0-9]{1,5})?$/);
const reference = fc
  .record({
    domain: fc.option(fc.constantFrom('localhost', 'localhost:5000', 'example.com', 'a.b.c:443', '[::1]:80')),
    parts: fc.array(part, { minLength: 1, maxLength: 4 }),
    tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][\w.-]{0,20}$/)),
    digest: fc.option(fc.stringMatching(/^[0-9a-f]{64}$/)),
  })
  .map(({ domain, parts, tag, digest }) => {
    const name = [...(domain === null ? [] : [domain]), ...parts].join('/');
    return `${name}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@sha256:${digest}`}`;
  })
  .filter((text) => !/^[0-9a-f]{64}$/.test(text));

describe('properties', () => {
  test('both spellings of a reference mean the same reference', () => {
    fc.assert(
      fc.property(reference, (text) => {
        const parsed = parseReference(text);
        expect(parseReference(canonicalString(parsed))).toEqual(parsed);
        expect(parseReference(familiarString(parsed))).toEqual(parsed);
        expect(parseReference(familiarName(parsed), { defaultTag: false }).path).toBe(parsed.path);
      }),
    );
  });

  test('any text parses or is refused with a kind, quickly', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 400 }), (text) => {
        try {
          expect(parseReference(canonicalString(parseReference(text)))).toBeDefined();
        } catch (error) {
          expect(error).toMatchObject({ kind: 'invalid-argument' });
        }
      }),
    );
    expect(() => parseReference(`${'a-'.repeat(5000)}!`)).toThrow('invalid reference format');
  });
});

describe('names on the command line', () => {
  test('full IDs, prefixes and references', () => {
    expect(parseImageIdOrReference(hex)).toEqual({ kind: 'id', id: digest });
    expect(parseImageIdOrReference(digest)).toEqual({ kind: 'id', id: digest });
    expect(parseImageIdOrReference('a3ed95')).toMatchObject({ kind: 'reference', idPrefix: 'a3ed95' });
    expect(parseImageIdOrReference('sha256:a3ed95')).toMatchObject({ kind: 'reference', idPrefix: 'a3ed95' });
    expect(parseImageIdOrReference('sha512:a3ed95')).toMatchObject({ idPrefix: 'a3ed95' });
    expect(parseImageIdOrReference(`sha512:${hex}${hex}`)).toEqual({ kind: 'id', id: `sha512:${hex}${hex}` });
    expect(parseImageIdOrReference(`${hex}${hex}`)).toMatchObject({ idPrefix: `${hex}${hex}` });
    expect(parseImageIdOrReference('alpine')).not.toHaveProperty('idPrefix');
    expect(() => parseImageIdOrReference('Alpine')).toThrow('must be lowercase');
  });
});
