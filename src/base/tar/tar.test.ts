import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  mkdirSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  compareNames,
  createTarParser,
  decodeName,
  encodeName,
  encodeTarHeader,
  readTar,
  scanTar,
  tarErrors,
  TAR_END,
  writeTar,
  type TarEntry,
  type TarSource,
} from './index.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'lade-tar-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const archiveOf = async (sources: readonly TarSource[]): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(sources)) chunks.push(chunk);
  return Buffer.concat(chunks);
};

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const readAll = async (
  bytes: Buffer,
  size = 1000,
): Promise<readonly { entry: TarEntry; content: Buffer }[]> => {
  const found = [];
  for await (const item of readTar(pieces(bytes, size)))
    found.push({ entry: item.entry, content: await item.bytes(1 << 24) });
  return found;
};

const parseOnly = (bytes: Buffer): TarEntry[] => {
  const entries: TarEntry[] = [];
  const parser = createTarParser({ onEntry: (entry) => entries.push(entry) });
  parser.feed(bytes);
  parser.end();
  return entries;
};

describe('names', () => {
  test('keep any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(encodeName(decodeName(Buffer.from(bytes)))).toEqual(Buffer.from(bytes));
      }),
    );
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => decodeName(encodeName(text)) === text));
  });
  test('that look like damage survive', () => {
    const bytes = Buffer.from([0x61, 0xef, 0xbf, 0xbd, 0xff, 0xed, 0xa0, 0x80, 0xc3, 0xa9, 0xf0, 0x9f]);
    expect(encodeName(decodeName(bytes))).toEqual(bytes);
  });
  test('are ordered by their bytes', () => {
    const name = fc.uint8Array({ minLength: 1, maxLength: 6 }).map((bytes) => decodeName(Buffer.from(bytes)));
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(Math.sign(compareNames(a, b))).toBe(Math.sign(Buffer.compare(encodeName(a), encodeName(b))));
      }),
    );
  });
});

const nameBytes = fc
  .uint8Array({ minLength: 1, maxLength: 200, min: 1 })
  .map((bytes) => decodeName(Buffer.from(bytes)).replaceAll(/\/+$/g, 'x'));

const source: fc.Arbitrary<TarSource> = fc.record({
  path: nameBytes,
  kind: fc.constantFrom('file', 'symlink', 'hardlink', 'char', 'block', 'fifo'),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 2 ** 32 }),
  gid: fc.integer({ min: 0, max: 2 ** 32 }),
  mtimeNs: fc.bigInt({ min: -(10n ** 19n), max: 10n ** 20n }),
  linkName: nameBytes,
  major: fc.integer({ min: 0, max: 4095 }),
  minor: fc.integer({ min: 0, max: 1_048_575 }),
  xattrs: fc
    .uniqueArray(fc.tuple(fc.constantFrom('user.a', 'security.capability', 'user.é'), fc.uint8Array()), {
      selector: ([name]) => name,
    })
    .map((pairs) => new Map(pairs.map(([name, value]) => [name, Buffer.from(value)]))),
  content: fc.uint8Array({ maxLength: 1500 }),
}) as fc.Arbitrary<TarSource>;

describe('writing and reading', () => {
  test('gives back every field, whatever the size of the pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(source, { maxLength: 5 }),
        fc.integer({ min: 1, max: 3000 }),
        async (sources, size) => {
          const found = await readAll(await archiveOf(sources), size);
          expect(found.length).toBe(sources.length);
          for (const [i, { entry, content }] of found.entries()) {
            const wanted = sources[i]!;
            const { path, kind, mode, uid, gid, mtimeNs, linkName, major, minor } = wanted;
            expect(entry).toMatchObject({ path, kind, mode, uid, gid, mtimeNs, linkName });
            if (kind === 'char' || kind === 'block') expect(entry).toMatchObject({ major, minor });
            expect(new Map(entry.xattrs)).toEqual(new Map(wanted.xattrs ?? []));
            expect(content).toEqual(
              kind === 'file' ? Buffer.from(wanted.content as Uint8Array) : Buffer.alloc(0),
            );
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test('never fails in another way than with a LadeError, nor loops, on damaged bytes', async () => {
    const good = await archiveOf([
      { path: 'a', kind: 'file', content: Buffer.alloc(700, 1), mtimeNs: 1n },
      { path: 'b', kind: 'directory', xattrs: new Map([['user.x', Buffer.from('y')]]) },
    ]);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }),
        fc.nat(good.length),
        (changes, length) => {
          const bytes = Buffer.from(good.subarray(0, length));
          for (const [at, value] of changes) if (at < length) bytes[at] = value;
          try {
            parseOnly(bytes);
          } catch (error) {
            expect(error).toHaveProperty('name', 'LadeError');
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('is deterministic and plain ustar where that suffices', () => {
    const header = encodeTarHeader({
      path: `${'d'.repeat(100)}/${'f'.repeat(90)}`,
      kind: 'file',
      size: 5,
      mtimeNs: 5_000_000_000n,
    });
    expect(header.length).toBe(512);
    expect(header).toEqual(
      encodeTarHeader({
        path: `${'d'.repeat(100)}/${'f'.repeat(90)}`,
        kind: 'file',
        size: 5,
        mtimeNs: 5_000_000_000n,
      }),
    );
  });
});

describe('sizes beyond 4 and 8 GiB', () => {
  test('are kept', () => {
    for (const size of [2 ** 32 + 1, 2 ** 33, 2 ** 40]) {
      const entries: TarEntry[] = [];
      const parser = createTarParser({ onEntry: (entry) => entries.push(entry) });
      parser.feed(encodeTarHeader({ path: 'big', kind: 'file', size }));
      expect(entries[0]).toMatchObject({ size, storedSize: size });
    }
  });
});

describe('damage', () => {
  test('a cut archive says where', async () => {
    const bytes = await archiveOf([{ path: 'a', kind: 'file', content: Buffer.alloc(700, 1) }]);
    for (const length of [100, 512, 1000, 1300])
      expect(() => parseOnly(bytes.subarray(0, length))).toThrow(/cut off/);
    // Content that is whole, without the zeros that fill its block: docker's command line writes such contexts.
    for (const length of [512 + 700, 512 + 1024, 512 + 1536])
      expect(parseOnly(bytes.subarray(0, length))).toHaveLength(1);
  });
  test('a huge extended header is refused before it is gathered', () => {
    const header = encodeTarHeader({ path: 'p', kind: 'file', size: 2 ** 30 });
    header.write('x', 156, 'latin1');
    header.write('        ', 148, 'latin1');
    header.write(
      `${header
        .reduce((a, b) => a + b, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
      'latin1',
    );
    expect(() => parseOnly(header)).toThrow(expect.objectContaining({ code: tarErrors.tooLarge.code }));
  });
  test('records that are none, wrong checksums and entries after the end are refused', async () => {
    const bytes = await archiveOf([{ path: 'a', kind: 'file', mtimeNs: 1n }]);
    const broken = Buffer.from(bytes);
    broken.write('99 x', 512, 'latin1');
    expect(() => parseOnly(broken)).toThrow(/records/);
    const sum = Buffer.from(bytes);
    sum[0] = 0x7a;
    expect(() => parseOnly(sum)).toThrow(/checksum/);
    expect(() => parseOnly(Buffer.concat([TAR_END.subarray(512), bytes]))).toThrow(/follow its end/);
  });
});

const tar = (...args: string[]): string => execFileSync('tar', args, { cwd: dir, encoding: 'latin1' });

describe('against GNU tar', () => {
  test('it lists what we write', async () => {
    const sources: TarSource[] = [
      { path: 'd', kind: 'directory', mode: 0o1755 },
      {
        path: `d/${'x'.repeat(180)}`,
        kind: 'file',
        mode: 0o4755,
        uid: 3_000_000_000,
        gid: 5,
        content: Buffer.from('hi'),
        mtimeNs: 1_700_000_000_123_456_789n,
      },
      { path: 'd/null', kind: 'char', mode: 0o666, major: 1, minor: 3 },
      { path: 'd/pipe', kind: 'fifo', mode: 0o600 },
      { path: 'd/link', kind: 'symlink', linkName: 'y'.repeat(150) },
      { path: 'd/hard', kind: 'hardlink', linkName: `d/${'x'.repeat(180)}` },
    ];
    writeFileSync(join(dir, 'ours.tar'), await archiveOf(sources));
    const lines = tar('--numeric-owner', '--full-time', '-tvf', 'ours.tar').trim().split('\n');
    expect(lines.map((line) => line.split(/\s+/)[0])).toEqual([
      'drwxr-xr-t',
      '-rwsr-xr-x',
      'crw-rw-rw-',
      'prw-------',
      'lrwxrwxrwx',
      'hrw-r--r--',
    ]);
    expect(lines[1]).toContain('3000000000/5');
    expect(lines[1]).toContain('.123456789');
    expect(lines[2]).toContain('1,3');
    expect(lines[5]).toContain(`link to d/${'x'.repeat(180)}`);
  });

  test.each(['gnu', 'oldgnu', 'pax', 'ustar', 'v7'])('we read its format %s', async (format) => {
    const tree = join(dir, `tree-${format}`);
    mkdirSync(join(tree, 'sub'), { recursive: true });
    const long = format === 'ustar' || format === 'v7' ? 'l'.repeat(60) : 'l'.repeat(200);
    writeFileSync(join(tree, 'sub', long), 'content');
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/odd-`), Buffer.of(0xff, 0xc3)]), 'odd');
    utimesSync(join(tree, 'sub', long), 1, 1_600_000_000);
    const extra = format === 'pax' || format === 'gnu' || format === 'oldgnu' ? ['--owner=x:3000000000'] : [];
    tar(`--format=${format}`, ...extra, '-C', tree, '-cf', `${format}.tar`, '.');
    const bytes = execFileSync('cat', [join(dir, `${format}.tar`)]);
    const found = await readAll(bytes, 777);
    const byPath = new Map(found.map((item) => [item.entry.path, item]));
    expect([...byPath.keys()].sort()).toEqual(['./', './odd-\udcff\udcc3', './sub/', `./sub/${long}`].sort());
    const file = byPath.get(`./sub/${long}`)!;
    expect(file.content.toString()).toBe('content');
    expect(file.entry.mtimeNs).toBe(1_600_000_000_000_000_000n);
    if (extra.length > 0) expect(file.entry.uid).toBe(3_000_000_000);
  });

  test.each([
    ['gnu', []],
    ['pax', ['--sparse-version=0.0']],
    ['pax', ['--sparse-version=0.1']],
    ['pax', ['--sparse-version=1.0']],
  ])('we read sparse files of %s %j', async (format, options) => {
    const path = join(dir, 'holes');
    writeFileSync(path, '');
    const fd = openSync(path, 'r+');
    const wanted = Buffer.alloc(3_000_000);
    for (let i = 0; i < 30; i++) wanted.write(`piece ${i}`, i * 98_304);
    closeSync(fd);
    truncateSync(path, wanted.length);
    for (let i = 0; i < 30; i++)
      execFileSync('dd', [`of=${path}`, 'bs=1', `seek=${i * 98_304}`, 'conv=notrunc', 'status=none'], {
        input: `piece ${i}`,
      });
    const archive = `sparse-${format}.tar`;
    tar(`--format=${format}`, '-S', ...options, '-cf', archive, 'holes');
    const bytes = execFileSync('cat', [join(dir, archive)], { maxBuffer: 1 << 26 });
    const [item] = await readAll(bytes, 5000);
    expect(item?.entry).toMatchObject({ path: 'holes', size: wanted.length });
    expect(item?.entry.storedSize).toBeLessThan(wanted.length);
    expect(item?.content.equals(wanted)).toBe(true);
  });

  test('scanning a file gives the same entries as reading it', async () => {
    writeFileSync(join(dir, 'big'), Buffer.alloc(1_000_000, 7));
    tar('--format=pax', '-cf', 'scan.tar', 'big', 'tree-gnu', 'big');
    const bytes = execFileSync('cat', [join(dir, 'scan.tar')], { maxBuffer: 1 << 26 });
    const fd = openSync(join(dir, 'scan.tar'), 'r');
    try {
      expect([...scanTar(fd)]).toEqual(parseOnly(bytes));
      expect([...scanTar(fd)].length).toBeGreaterThan(4);
    } finally {
      closeSync(fd);
    }
  });

  test('global headers apply until they are taken back', async () => {
    tar('--format=pax', '--pax-option=globexthdr.name=g,comment=c,gname=team', '-cf', 'global.tar', 'big');
    const found = await readAll(execFileSync('cat', [join(dir, 'global.tar')], { maxBuffer: 1 << 26 }));
    expect(found[0]?.entry).toMatchObject({ path: 'big', groupName: 'team' });
  });
});
