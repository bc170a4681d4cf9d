import { hash } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openDatabase } from '#database';
import { lsetXattr } from '#sys';
import { decodeName, fsPath } from '#tar';
import { builderMigrations } from '../builder/migrations.ts';
import { createDigestStore, createPlainDigests, locate, parseModeChange, selectFiles } from './index.ts';
import { testTree } from './testing.ts';

const home = mkdtempSync(join(tmpdir(), 'lade-selection-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const signal = new AbortController().signal;
const place = { file: 'Dockerfile', line: 1, excerpt: '' };

describe('parseModeChange', () => {
  test.each<[string, number, boolean, number]>([
    ['755', 0o600, false, 0o755],
    ['4755', 0, false, 0o4755],
    ['u=rwX,go=rX', 0o600, false, 0o644],
    ['u=rwX,go=rX', 0o700, false, 0o755],
    ['u=rwX,go=rX', 0o600, true, 0o755],
    ['+x', 0o644, false, 0o755],
    ['a-w', 0o666, false, 0o444],
    ['g=u', 0o740, false, 0o770],
    ['u+s,+t', 0o755, false, 0o5755],
    ['go=', 0o777, false, 0o700],
  ])('%s of %o (directory: %s)', (text, mode, isDirectory, want) => {
    expect(parseModeChange(text)?.(mode, isDirectory)).toBe(want);
  });
  test.each(['abc', '999', 'u=q', '', 'u'])('refuses %j', (text) =>
    expect(parseModeChange(text)).toBeUndefined(),
  );
});

describe('locate', () => {
  const root = join(home, 'located');
  mkdirSync(join(root, 'real/sub'), { recursive: true });
  symlinkSync('/real', join(root, 'absolute'));
  symlinkSync('../../../../real', join(root, 'real/up'));
  symlinkSync('loop', join(root, 'loop'));
  symlinkSync('missing/x', join(root, 'dangling'));
  writeFileSync(join(root, 'real/file'), '');
  test.each([
    ['absolute/sub', 'real/sub', 'real/sub', true],
    ['real/up/file', 'real/file', 'real/file', true],
    ['../../etc/passwd', 'etc/passwd', '', false],
    ['absolute/new/deep', 'real/new/deep', 'real', false],
    ['dangling/y', 'missing/x/y', '', false],
    ['real/file/below', 'real/file/below', 'real/file', false],
    ['new/../real', 'real', 'real', true],
  ])('%s is %s', (path, want, existing, exists) => {
    const found = locate(root, path);
    expect([found.path, found.existing, found.stats !== undefined]).toEqual([want, existing, exists]);
  });
  test('ends on a circle', () => {
    expect(locate(root, 'loop/x')).toEqual({ path: 'loop/x', existing: '', stats: undefined });
  });
  test('can leave the last link alone', () => {
    expect(locate(root, 'absolute', { followLast: false }).stats?.isSymbolicLink()).toBe(true);
  });
});

describe('file digests', () => {
  test('trusts a stat only when the file had settled before it was hashed', async () => {
    await using database = await openDatabase({
      path: join(home, 'digests.db'),
      migrations: builderMigrations,
    });
    const root = join(home, 'digested');
    mkdirSync(root);
    writeFileSync(join(root, 'a'), 'one');
    const digest = () => {
      const files = createDigestStore(database).open(root);
      return { files, now: () => files.digest('a', lstatSync(join(root, 'a'), { bigint: true }), signal) };
    };
    const young = digest();
    expect(await young.now()).toBe(hash('sha256', 'one'));
    await young.files.flush();
    expect(database.all('SELECT * FROM build_files')).toEqual([]);
    // Only ctime is young now, and it cannot be set: wait for the clock.
    await new Promise((resolve) => setTimeout(resolve, 2100));
    const settled = digest();
    expect(await settled.now()).toBe(hash('sha256', 'one'));
    await settled.files.flush();
    expect(database.all('SELECT * FROM build_files')).toHaveLength(1);
    await database.write([{ sql: "UPDATE build_files SET digest = 'remembered'" }]);
    expect(await digest().now()).toBe('remembered');
    writeFileSync(join(root, 'a'), 'two');
    expect(await digest().now()).toBe(hash('sha256', 'two'));
    utimesSync(join(root, 'a'), 1, 1);
    expect(await digest().now()).toBe(hash('sha256', 'two'));
  });
});

test('a large file whose name is no text is hashed', async () => {
  const root = join(home, 'bytes');
  mkdirSync(root);
  const bytes = Buffer.alloc(300_000, 7);
  const name = decodeName(Buffer.from([0x66, 0xff]));
  writeFileSync(Buffer.concat([Buffer.from(`${root}/f`), Buffer.of(0xff)]), bytes);
  const stats = lstatSync(fsPath(`${root}/${name}`), { bigint: true });
  expect(await createPlainDigests(root).digest(name, stats, signal)).toBe(hash('sha256', bytes));
});

test('extended attributes of an image count and are copied; those of a context are not', async () => {
  const tree = testTree(join(home, 'xattrs'), { f: 'x' });
  const select = async (keepsOwners: boolean) => {
    const selection = await selectFiles({
      tree: { ...tree, keepsOwners },
      sources: ['f'],
      excludes: [],
      parents: false,
      chmod: undefined,

      place,
      signal,
    });
    return { value: selection.parts[0]?.value, xattrs: selection.sources[0]?.entries[0]?.xattrs };
  };
  const before = await select(true);
  const outside = await select(false);
  lsetXattr(join(tree.root, 'f'), 'user.a', Buffer.from('1'));
  const one = await select(true);
  lsetXattr(join(tree.root, 'f'), 'user.a', Buffer.from('2'));
  const two = await select(true);
  expect(new Set([before.value, one.value, two.value]).size).toBe(3);
  expect(two.xattrs).toEqual(new Map([['user.a', Buffer.from('2')]]));
  expect(await select(false)).toEqual(outside);
});
