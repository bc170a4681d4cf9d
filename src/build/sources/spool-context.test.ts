import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeTar, type TarSource } from '#tar';
import { DEFAULT_LIMITS, type SourceLimits } from './remote-limits.ts';
import { spoolContext } from './spool-context.ts';

let base: string;
let root: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'lade-spool-'));
  root = join(base, 'files');
  mkdirSync(root);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const file = (path: string, text = ''): TarSource => ({ path, kind: 'file', content: Buffer.from(text) });

const spool = (entries: Iterable<TarSource> | AsyncIterable<TarSource>, limits: Partial<SourceLimits> = {}) =>
  spoolContext({
    stream: Readable.from(writeTar(entries), { objectMode: false }),
    root,
    limits: { ...DEFAULT_LIMITS, ...limits },
    signal: new AbortController().signal,
  });

const code = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'nothing';
};

test('writes files, directories, links, fifos, with modes and times; what comes later wins', async () => {
  await spool([
    { path: 'd/', kind: 'directory', mode: 0o750, mtimeNs: 1_000_000_001n },
    { ...file('d/f', 'one'), mode: 0o640, mtimeNs: 2_000_000_003n },
    { path: 'd/h', kind: 'hardlink', linkName: 'd/f' },
    { path: 'd/h', kind: 'hardlink', linkName: './d/h' },
    { path: 's', kind: 'symlink', linkName: '/etc/passwd' },
    { path: 'p', kind: 'fifo', mode: 0o622 },
    file('s', 'no longer a link'),
    { path: 'gone/', kind: 'directory' },
    file('gone/x', 'x'),
    file('gone', 'a file now'),
  ]);
  expect(readdirSync(root).sort()).toEqual(['d', 'gone', 'p', 's']);
  const stats = statSync(join(root, 'd/f'), { bigint: true });
  expect([stats.mode & 0o7777n, stats.mtimeNs, stats.nlink]).toEqual([0o640n, 2_000_000_003n, 2n]);
  expect(statSync(join(root, 'd'), { bigint: true })).toMatchObject({ mtimeNs: 1_000_000_001n });
  expect(lstatSync(join(root, 'p')).isFIFO()).toBe(true);
  expect(lstatSync(join(root, 'p')).mode & 0o777).toBe(0o622);
  expect(readFileSync(join(root, 's'), 'utf8')).toBe('no longer a link');
  expect(readFileSync(join(root, 'gone'), 'utf8')).toBe('a file now');
});

test('no order of entries leads out', async () => {
  const outside = join(base, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'keep'), 'kept');
  chmodSync(join(outside, 'keep'), 0o600);
  const link: TarSource = { path: 'l', kind: 'symlink', linkName: outside };
  const attacks: readonly (readonly TarSource[])[] = [
    [link, file('l/keep', 'evil')],
    [
      { path: 'l/', kind: 'directory' },
      { path: 'l/sub/', kind: 'directory' },
      link,
      file('l/sub/keep', 'evil'),
    ],
    [
      { path: 'a/b/', kind: 'directory' },
      { ...link, path: 'a' },
      file('a/b/keep', 'evil'),
      file('a/keep', 'evil'),
    ],
    [link, { path: 'h', kind: 'hardlink', linkName: 'l/keep' }],
    [link, { path: 'h', kind: 'hardlink', linkName: 'l' }],
    [file('../outside/keep', 'evil')],
    [file(join(outside, 'keep'), 'evil')],
    [{ path: 'h', kind: 'hardlink', linkName: '../outside/keep' }],
    [link, { path: 'l/x/', kind: 'directory' }],
    [file('.', 'the root itself')],
  ];
  for (const attack of attacks) {
    rmSync(root, { recursive: true });
    mkdirSync(root);
    expect(await code(spool(attack)), JSON.stringify(attack)).toBe('SOURCES_UNSAFE_CONTEXT');
  }
  // A directory in the place of a link takes the link away, and nothing behind it.
  rmSync(root, { recursive: true });
  mkdirSync(root);
  await spool([link, { path: 'l/', kind: 'directory', mode: 0o777 }, file('l/keep', 'inside')]);
  expect(readFileSync(join(root, 'l/keep'), 'utf8')).toBe('inside');
  expect(readdirSync(outside)).toEqual(['keep']);
  expect(readFileSync(join(outside, 'keep'), 'utf8')).toBe('kept');
  expect(statSync(outside).mode & 0o777).not.toBe(0o777);
  expect(() => readlinkSync(join(root, 'l'))).toThrow();
});

test('limits bound bytes, entries and paths', async () => {
  expect(
    await code(spool([file('a', 'x'.repeat(600)), file('b', 'x'.repeat(600))], { treeBytes: 1000 })),
  ).toBe('SOURCES_TOO_LARGE');
  const many = Array.from({ length: 20 }, (_, index) => file(`f${index}`));
  expect(await code(spool(many, { treeEntries: 10 }))).toBe('SOURCES_TOO_LARGE');
  expect(await code(spool([file(`${'d/'.repeat(5000)}f`)]))).toBe('SOURCES_TOO_LARGE');
  const bomb = gzipSync(Buffer.concat([await collect([file('zeros', '\0'.repeat(8 << 20))])]));
  const stream = Readable.from([bomb], { objectMode: false });
  const signal = new AbortController().signal;
  const limits = { ...DEFAULT_LIMITS, treeBytes: 1 << 20 };
  expect(bomb.length).toBeLessThan(100_000);
  expect(await code(spoolContext({ stream, root, limits, signal }))).toBe('SOURCES_TOO_LARGE');
});

const collect = async (entries: readonly TarSource[]): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(entries)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
};

test('1,500 directories in each other', async () => {
  const nested = Array.from({ length: 1500 }, (_, index) => 'd/'.repeat(index + 1));
  await spool([
    ...nested.map((path): TarSource => ({ path, kind: 'directory' })),
    file(`${nested.at(-1)}f`, 'deep'),
  ]);
  expect(readFileSync(join(root, `${nested.at(-1)}f`), 'utf8')).toBe('deep');
});

test('gives the digests of what lies there in the end, also where names were used again', async () => {
  const long = 'long '.repeat(100_000);
  const spooled = await spool([
    file('a', 'first'),
    { path: 'hard', kind: 'hardlink', linkName: 'a' },
    file('b', 'removed'),
    { path: 'b', kind: 'symlink', linkName: 'a' },
    file('a', 'second'),
    file('empty'),
    file('long', long),
    ...Array.from({ length: 300 }, (_, index) => file(`many/${index}`, `content ${index}`)),
  ]);
  const digestOf = (name: string) => spooled.digest(lstatSync(join(root, name), { bigint: true }));
  const expected: Readonly<Record<string, string>> = {
    a: 'second',
    hard: 'first',
    empty: '',
    long,
    'many/0': 'content 0',
    'many/299': 'content 299',
  };
  for (const [name, text] of Object.entries(expected)) {
    expect(readFileSync(join(root, name), 'utf8')).toBe(text);
    expect(digestOf(name), name).toBe(hash('sha256', text));
  }
  expect(digestOf('many')).toBeUndefined();
});

test('a mode that the umask narrows is the one of the archive', async () => {
  await spool([
    { ...file('wide', 'x'), mode: 0o666 },
    { ...file('suid', 'x'), mode: 0o4755 },
    { ...file('none', 'x'), mode: 0 },
  ]);
  const modes = ['wide', 'suid', 'none'].map((name) => statSync(join(root, name)).mode & 0o7777);
  expect(modes).toEqual([0o666, 0o4755, 0]);
});

test('holes of a sparse file stay holes', async () => {
  const path = join(base, 'sparse');
  writeFileSync(path, 'head');
  truncateSync(path, 3 << 20);
  appendFileSync(path, 'tail');
  for (const format of ['gnu', 'pax']) {
    const tar = execFileSync('tar', ['-cS', `--format=${format}`, '-C', base, 'sparse'], {
      maxBuffer: 8 << 20,
    });
    const stream = Readable.from([tar], { objectMode: false });
    const spooled = await spoolContext({ stream, root, signal: new AbortController().signal });
    expect(readFileSync(join(root, 'sparse')).equals(readFileSync(path))).toBe(true);
    const stats = lstatSync(join(root, 'sparse'), { bigint: true });
    expect(stats.blocks * 512n).toBeLessThan(stats.size);
    expect(spooled.digest(stats)).toBeUndefined();
  }
});

test('when it is given up nothing is written any more, and the reason is told', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const endless = async function* (): AsyncGenerator<TarSource> {
    for (let index = 0; ; index += 1) {
      if (index === 2000) controller.abort(reason);
      yield file(`f${index}`, 'x');
    }
  };
  const stream = Readable.from(writeTar(endless()), { objectMode: false });
  await expect(spoolContext({ stream, root, signal: controller.signal })).rejects.toBe(reason);
  stream.destroy();
  const left = readdirSync(root).length;
  await setTimeout(100);
  expect(readdirSync(root).length).toBe(left);
});

test('the error of a stream arrives as it is; an archive that was cut off is damaged', async () => {
  const broken = new Error('the line broke');
  const bytes = await collect([file('a', 'x'.repeat(5000))]);
  const failing = Readable.from(
    (async function* () {
      yield bytes.subarray(0, 2000);
      throw broken;
    })(),
    { objectMode: false },
  );
  const { signal } = new AbortController();
  await expect(spoolContext({ stream: failing, root, signal })).rejects.toBe(broken);
  rmSync(join(root, 'a'), { force: true });
  const short = Readable.from([bytes.subarray(0, 2000)], { objectMode: false });
  expect(await code(spoolContext({ stream: short, root, signal }))).toBe('TAR_TRUNCATED');
});
