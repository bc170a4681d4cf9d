import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRange } from './blob-handlers.ts';
import { namesEntity } from './conditions.ts';
import { parseRoute } from './routes.ts';

const NAME = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Codes of what a path may be refused with. */
const REFUSALS = [
  'METADATA_NAME_INVALID',
  'METADATA_TAG_INVALID',
  'METADATA_DIGEST_MALFORMED',
  'BLOBS_UPLOAD_UNKNOWN',
];

const component = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const name = fc
  .array(fc.tuple(component, fc.constantFrom('.', '_', '__', '-', '---', '/'), component), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.map(([one, separator, two]) => `${one}${separator}${two}`).join('/'));
const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/);
const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const digest = fc.oneof(
  hex(64).map((text) => `sha256:${text}`),
  hex(128).map((text) => `sha512:${text}`),
);

describe('paths', () => {
  test('every name, tag and digest of the specification comes back as it is, percent-encoded or not', () => {
    const encoded = (path: string): string =>
      path.replaceAll(/[._-]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
    fc.assert(
      fc.property(name, tag, digest, fc.boolean(), (repository, asTag, asDigest, encode) => {
        const parse = (path: string) => parseRoute(encode ? encoded(path) : path);
        expect(parse(`/v2/${repository}/manifests/${asTag}`)).toEqual({
          kind: 'manifest',
          repository,
          target: { kind: 'tag', tag: asTag },
        });
        expect(parse(`/v2/${repository}/manifests/${asDigest}`)).toEqual({
          kind: 'manifest',
          repository,
          target: { kind: 'digest', digest: asDigest },
        });
        expect(parse(`/v2/${repository}/blobs/${asDigest}`)).toEqual({
          kind: 'blob',
          repository,
          digest: asDigest,
        });
        expect(parse(`/v2/${repository}/referrers/${asDigest}`)).toEqual({
          kind: 'referrers',
          repository,
          digest: asDigest,
        });
        expect(parse(`/v2/${repository}/tags/list`)).toEqual({ kind: 'tags', repository });
        expect(parse(`/v2/${repository}/blobs/uploads/`)).toEqual({ kind: 'uploads', repository });
      }),
    );
  });

  test('whatever the path is, what comes out is safe in a file name and in a query', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom(
        '..',
        '.',
        '',
        '%2e%2e',
        '%2f',
        '\\',
        '%00',
        'blobs',
        'uploads',
        'manifests',
        'tags',
        'list',
        'v2',
        '_catalog',
        'referrers',
        'a',
        'sha256:',
        '%',
      ),
      name,
      digest,
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        let route: ReturnType<typeof parseRoute>;
        try {
          route = parseRoute(`/v2/${pieces.join('/')}`);
        } catch (error) {
          expect(REFUSALS).toContain((error as { code?: string }).code);
          return;
        }
        if ('repository' in route) expect(route.repository).toMatch(NAME);
        if ('digest' in route) expect(route.digest).toMatch(DIGEST);
        if ('id' in route) expect(route.id).toMatch(UUID);
        if (route.kind === 'manifest')
          expect(route.target.kind === 'tag' ? route.target.tag : route.target.digest).toMatch(
            route.target.kind === 'tag' ? TAG : DIGEST,
          );
      }),
      { numRuns: 3000 },
    );
  });

  test('names that only look long are read at once', () => {
    const path = `/v2/${'a-'.repeat(4000)}/manifests/latest`;
    expect(() => parseRoute(path)).toThrow(expect.objectContaining({ code: 'METADATA_NAME_INVALID' }));
    expect(() => parseRoute(`/v2/${'a/manifests/'.repeat(2000)}!`)).toThrow();
  });
});

describe('Range', () => {
  test('every range lies within the content, and brings what RFC 9110 says', () => {
    const bytes = Array.from({ length: 50 }, (_, index) => index);
    const bound = fc.oneof(fc.nat(60).map(String), fc.constant(''), fc.constant('9'.repeat(400)));
    fc.assert(
      fc.property(bound, bound, fc.nat(50), (first, last, size) => {
        const content = bytes.slice(0, size);
        const range = parseRange(`bytes=${first}-${last}`, size);
        const [start, end] = [Number(first), Number(last)];
        let expected: readonly number[] | undefined;
        if (first === '' && last === '') expected = content;
        else if (first === '') expected = content.slice(Math.max(0, size - end));
        else expected = content.slice(start, last === '' ? size : end + 1);
        if (range === undefined) expect([first, last]).toEqual(['', '']);
        else if (range === 'unsatisfiable') expect(expected).toEqual([]);
        else expect(content.slice(range.start, range.end)).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test('what is no range of bytes is ignored', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        const range = parseRange(header, 10);
        if (range !== undefined && range !== 'unsatisfiable') expect(range.end).toBeLessThanOrEqual(10);
      }),
    );
    for (const header of [
      undefined,
      '',
      'bytes',
      'bytes=',
      'bytes=-',
      'lines=1-2',
      'bytes=1-2,4-5',
      'bytes=a-b',
      'bytes=1-2;x',
    ])
      expect(parseRange(header, 10)).toBeUndefined();
    expect(parseRange('Bytes=1-2', 10)).toEqual({ start: 1, end: 3 });
  });
});

describe('If-None-Match', () => {
  test.each([
    ['"a"', true],
    ['W/"a"', true],
    ['"b", W/"a" , "c"', true],
    ['*', true],
    [' * ', true],
    ['a', false],
    ['"ab"', false],
    ['"b", "c"', false],
    ['"b,\\"a"', false],
    ['', false],
    [undefined, false],
  ])('%j names the entity "a": %s', (header, expected) => {
    expect(namesEntity(header, '"a"')).toBe(expected);
  });

  test('any list that has the tag names it', () => {
    const etag = fc.stringMatching(/^[a-z0-9:,*/]{1,20}$/).map((text) => `"${text}"`);
    fc.assert(
      fc.property(fc.array(etag, { maxLength: 5 }), etag, fc.boolean(), (others, own, weak) => {
        const list = [...others, weak ? `W/${own}` : own].join(', ');
        expect(namesEntity(list, own)).toBe(true);
        expect(namesEntity(others.join(','), own)).toBe(others.includes(own));
      }),
    );
  });
});
