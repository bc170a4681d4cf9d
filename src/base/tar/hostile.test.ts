import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isLadeError } from '#errors';
import {
  createTarParser,
  decompress,
  encodeTarHeader,
  readTar,
  tarErrors,
  TAR_END,
  type TarEntry,
} from './index.ts';
import { archive, padded, rawFile, rawHeader, rawPax } from './testing.ts';

const parse = (bytes: Buffer, step = bytes.length): TarEntry[] => {
  const entries: TarEntry[] = [];
  const parser = createTarParser({ onEntry: (entry) => entries.push(entry) });
  for (let at = 0; at < bytes.length; at += step) parser.feed(bytes.subarray(at, at + step));
  parser.end();
  return entries;
};

const failureOf = (bytes: Buffer): unknown => {
  try {
    parse(bytes);
    return undefined;
  } catch (error) {
    return error;
  }
};

const base256 = (value: bigint, length: number): Buffer => {
  const field = Buffer.alloc(length);
  let rest = BigInt.asUintN(length * 8, value);
  for (let at = length - 1; at >= 0; at--) {
    field[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  field[0] = (field[0] ?? 0) | 0x80;
  return field;
};

const record = (key: string, value: string): ReadonlyMap<string, Buffer> =>
  new Map([[key, Buffer.from(value)]]);
const sparse = (map: string, size: string): Buffer =>
  rawPax(
    new Map([
      ['GNU.sparse.map', Buffer.from(map)],
      ['GNU.sparse.size', Buffer.from(size)],
    ]),
  );
const file = (fields: Parameters<typeof rawHeader>[1]): Buffer =>
  rawHeader({ path: 'dir/name', kind: 'file' }, fields);

describe('what cannot be is refused, and the entry named', () => {
  test.each<[string, Buffer, RegExp]>([
    ['a negative size', archive(file({ size: base256(-512n, 12) })), /dir\/name: its size is negative/],
    ['a size beyond 2^53', archive(file({ size: base256(1n << 60n, 12) })), /no number/],
    ['a size of letters', archive(file({ size: Buffer.from('xyz') })), /no number/],
    [
      'a size record of letters',
      archive(rawPax(record('size', '12x')), rawFile('dir/name', '')),
      /dir\/name: its record size/,
    ],
    [
      'a negative size record',
      archive(rawPax(record('size', '-1')), rawFile('dir/name', '')),
      /dir\/name: its record size/,
    ],
    [
      'a time of letters',
      archive(rawPax(record('mtime', 'now')), rawFile('dir/name', '')),
      /dir\/name: its record mtime/,
    ],
    [
      'an owner of letters',
      archive(rawPax(record('uid', '0x0')), rawFile('dir/name', '')),
      /dir\/name: its record uid/,
    ],
    [
      'a zero byte in a name',
      archive(rawPax(record('path', 'dir/name\0x')), rawFile('x', '')),
      /dir\/name.*NUL/s,
    ],
    [
      'a zero byte in a target',
      archive(
        rawPax(record('linkpath', 'a\0b')),
        encodeTarHeader({ path: 'dir/name', kind: 'symlink', linkName: 'x' }),
      ),
      /dir\/name.*NUL/s,
    ],
    ['a wrong checksum', archive(file({ checksum: 1 })), /checksum/],
    ['an unknown type', archive(file({ type: 'Z' })), /type "Z"/],
    [
      'a sparse map that goes back',
      archive(sparse('10,1,0,1', '20'), rawFile('dir/name', 'ab')),
      /sparse file is wrong/,
    ],
    [
      'a sparse map beyond the file',
      archive(sparse('0,2', '1'), rawFile('dir/name', 'ab')),
      /sparse file is wrong/,
    ],
    [
      'a sparse map of other size',
      archive(sparse('0,1', '9'), rawFile('dir/name', 'ab')),
      /sparse file is wrong/,
    ],
    [
      'a sparse map of odd length',
      archive(sparse('0,1,2', '9'), rawFile('dir/name', 'a')),
      /sparse file is wrong/,
    ],
    [
      'a sparse map of letters',
      archive(sparse('a,b', '9'), rawFile('dir/name', 'a')),
      /sparse file is wrong/,
    ],
    [
      'a long name of a gigabyte',
      file({ type: 'L', size: base256(1n << 30n, 12) }),
      /a long name of more than/,
    ],
    [
      'a long link of a gigabyte',
      file({ type: 'K', size: base256(1n << 30n, 12) }),
      /a long link name of more than/,
    ],
    [
      'an extended header of a gigabyte',
      file({ type: 'x', size: base256(1n << 30n, 12) }),
      /an extended header of more than/,
    ],
    [
      'an extended header of negative size',
      file({ type: 'x', size: base256(-1n, 12) }),
      /an extended header of more than/,
    ],
    [
      'a record that is longer than its header',
      archive(rawPax(Buffer.from('99 a=b\n')), rawFile('x', '')),
      /records/,
    ],
    ['a record of length 0', archive(rawPax(Buffer.from('0 a=b\n')), rawFile('x', '')), /records/],
    ['a record without a value', archive(rawPax(Buffer.from('5 ab\n')), rawFile('x', '')), /records/],
    [
      'a record with a length of 20 digits',
      archive(rawPax(Buffer.from(`${'9'.repeat(20)} a=b\n`)), rawFile('x', '')),
      /records/,
    ],
  ])('%s', (_, bytes, message) => {
    const error = failureOf(bytes);
    expect(isLadeError(error), String(error)).toBe(true);
    expect(String(error)).toMatch(message);
  });

  test('a header that is cut off anywhere, or followed by nothing, says so', () => {
    const whole = archive(
      rawPax(record('comment', 'x'.repeat(900))),
      rawFile('first', 'content'.repeat(200), { xattrs: new Map([['user.x', Buffer.from('y')]]) }),
      rawFile('n'.repeat(300), 'more'),
      sparse('0,3,600,3', '700'),
      rawFile('sparse', 'abcdef'),
      encodeTarHeader({ path: 'l', kind: 'symlink', linkName: 't'.repeat(200) }),
    );
    const all = parse(whole).length;
    for (let length = 0; length < whole.length; length++) {
      const entries: TarEntry[] = [];
      const parser = createTarParser({ onEntry: (entry) => entries.push(entry) });
      try {
        parser.feed(whole.subarray(0, length));
        parser.end();
        // Without the zeros that fill blocks and end archives, whole entries are still whole.
        const last = entries.at(-1);
        if (length % 512 !== 0) expect((last?.dataOffset ?? 0) + (last?.storedSize ?? 0)).toBe(length);
      } catch (error) {
        if (!tarErrors.truncated.is(error)) throw error;
      }
      expect(entries.length).toBeLessThanOrEqual(all);
    }
  });

  test('any change of any bytes gives entries or a LadeError, in pieces of any size alike', () => {
    const good = archive(
      rawPax(record('GNU.sparse.major', '1')),
      rawFile('first', 'content', { xattrs: new Map([['user.x', Buffer.from('y')]]) }),
      rawHeader({ path: 'old', kind: 'file', size: 0 }, { type: 'S' }),
      sparse('0,3,600,3', '700'),
      rawFile('sparse', 'abcdef'),
      rawFile('n'.repeat(300), 'more', { uid: 3_000_000_000 }),
      TAR_END,
    );
    const outcome = (bytes: Buffer, step: number): string => {
      try {
        return JSON.stringify(parse(bytes, step), (_, value: unknown) =>
          typeof value === 'bigint' ? String(value) : value,
        );
      } catch (error) {
        expect(isLadeError(error), String(error)).toBe(true);
        return String(error);
      }
    };
    const fixSum = (bytes: Buffer, at: number): void => {
      const block = bytes.subarray(at - (at % 512), at - (at % 512) + 512);
      if (block.length < 512) return;
      block.write('        ', 148, 'latin1');
      block.write(
        `${block
          .reduce((sum, byte) => sum + byte, 0)
          .toString(8)
          .padStart(6, '0')}\0 `,
        148,
        'latin1',
      );
    };
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255), fc.boolean()), {
          minLength: 1,
          maxLength: 6,
        }),
        fc.integer({ min: 1, max: 1500 }),
        (changes, step) => {
          const bytes = Buffer.from(good);
          for (const [at, value, mend] of changes) {
            bytes[at] = value;
            if (mend) fixSum(bytes, at);
          }
          expect(outcome(bytes, step)).toBe(outcome(bytes, bytes.length));
        },
      ),
      { numRuns: 600 },
    );
  });
});

describe('memory stays bounded', () => {
  const mib = (): number => {
    globalThis.gc?.();
    return process.memoryUsage.rss() / 2 ** 20;
  };

  test('with headers of 90,000 records, one after another', () => {
    const lines = Array.from({ length: 90_000 }, (_, i) => `11 ${String(i).padStart(5, 'k')}=v\n`);
    const header = rawPax(Buffer.from(lines.join('')));
    const entry = rawFile('f', '');
    const before = mib();
    const parser = createTarParser({ onEntry: () => undefined });
    for (let i = 0; i < 20; i++) {
      parser.feed(header);
      parser.feed(entry);
    }
    expect(mib() - before).toBeLessThan(100);
  });

  test('global headers may not grow', () => {
    const parser = createTarParser({ onEntry: () => undefined });
    const feed = (): void => {
      for (let i = 0; i < 1000; i++)
        parser.feed(rawPax(record(`SCHILY.xattr.user.${i}`, 'v'.repeat(500)), 'g'));
    };
    expect(feed).toThrow(expect.objectContaining({ code: tarErrors.tooLarge.code }));
  });

  test('with a million empty entries whose visitor keeps none', () => {
    const block = Buffer.concat(
      Array.from({ length: 1000 }, (_, i) => encodeTarHeader({ path: `e${i}`, kind: 'file' })),
    );
    let count = 0;
    const before = mib();
    const parser = createTarParser({ onEntry: () => count++ });
    for (let i = 0; i < 1000; i++) parser.feed(block);
    parser.end();
    expect(count).toBe(1_000_000);
    expect(mib() - before).toBeLessThan(200);
  });

  test('a sparse map of more extents than anybody needs is refused', () => {
    const map = Array.from({ length: 120_000 }, (_, i) => i * 2)
      .map((at) => `${at}\n1\n`)
      .join('');
    const content = padded(Buffer.from(`120000\n${map}`));
    const records = new Map(
      [
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.realsize', '240000'],
      ].map(([k, v]) => [k ?? '', Buffer.from(v ?? '')]),
    );
    const bytes = archive(
      rawPax(records),
      encodeTarHeader({ path: 's', kind: 'file', size: content.length }),
      content,
    );
    expect(isLadeError(failureOf(bytes), 'corrupt')).toBe(true);
  });

  test('a sparse file of petabytes is read as far as its reader asks', async () => {
    const bytes = archive(sparse('0,1', String(2 ** 52)), rawFile('s', 'a'));
    async function* chunks(): AsyncGenerator<Buffer> {
      yield bytes;
    }
    for await (const item of readTar(chunks())) {
      await expect(item.bytes(1 << 20)).rejects.toMatchObject({ code: tarErrors.tooLarge.code });
      let read = 0;
      for await (const chunk of item.content()) if ((read += chunk.length) > 10_000_000) break;
      expect(read).toBeGreaterThan(10_000_000);
    }
  });

  test('a zstd frame that wants a window of 2 GiB is refused', async () => {
    // Magic, no content size, a window of 2^31, then one raw block.
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x09, 0x00, 0x00, 0x61]);
    async function* chunks(): AsyncGenerator<Buffer> {
      yield frame;
    }
    await expect(decompress('zstd', chunks()).toArray()).rejects.toMatchObject({
      code: expect.stringMatching(/^ZSTD_/),
    });
  });
});
