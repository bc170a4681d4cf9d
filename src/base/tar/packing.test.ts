import { Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decompress, packingOf, unpackedBytes } from './index.ts';

const parts = ['one '.repeat(90_000), 'two', 'three '.repeat(50_000)].map((text) => Buffer.from(text));
const whole = Buffer.concat(parts);

/** The same bytes in chunks of odd sizes, so that ends of members and frames fall anywhere. */
const cut = (bytes: Buffer): Readable =>
  Readable.from(
    (function* () {
      for (let at = 0, size = 1; at < bytes.length; at += size, size = size * 3 + 1)
        yield bytes.subarray(at, at + size);
    })(),
    { objectMode: false },
  );

test.each([
  ['nothing', whole],
  ['gzip', gzipSync(whole)],
  ['gzip in members', Buffer.concat(parts.map((part) => gzipSync(part)))],
  ['zstd', zstdCompressSync(whole)],
  ['zstd in frames', Buffer.concat(parts.map((part) => zstdCompressSync(part)))],
])('unpacks %s whole', async (_, packed) => {
  const read: Buffer[] = [];
  for await (const chunk of await unpackedBytes(cut(packed))) read.push(Buffer.from(chunk));
  expect(Buffer.concat(read).equals(whole)).toBe(true);
});

test('what is shorter than any mark passes as it is', async () => {
  for (const text of ['', 'ab']) {
    const read: Buffer[] = [];
    for await (const chunk of await unpackedBytes(cut(Buffer.from(text)))) read.push(chunk);
    expect(Buffer.concat(read).toString()).toBe(text);
  }
});

test('damage is an error, and a source that fails is told', async () => {
  const damaged = gzipSync(whole).fill(7, 100, 200);
  await expect(decompress('gzip', cut(damaged)).toArray()).rejects.toMatchObject({
    code: expect.stringMatching(/^Z_/) as string,
  });
  const failing = Readable.from(
    (function* () {
      yield zstdCompressSync(parts[1] ?? Buffer.alloc(0));
      throw new Error('the disk');
    })(),
    { objectMode: false },
  );
  await expect(decompress('zstd', failing).toArray()).rejects.toThrow('the disk');
});

test('marks', () => {
  expect(packingOf(Buffer.from('BZh91'))).toBe('bzip2');
  expect(packingOf(Buffer.from('fd377a585a00', 'hex'))).toBe('xz');
  expect(packingOf(Buffer.from('fd37', 'hex'))).toBe('none');
});
