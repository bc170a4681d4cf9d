import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { databaseErrors, openDatabase, type Migration, type Statement } from './index.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lade-database-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const migrations: readonly Migration[] = [
  { room: 'shop', version: 1, sql: 'CREATE TABLE things (name TEXT PRIMARY KEY, amount INTEGER) STRICT' },
];
const insert = (name: string, amount: number): Statement => ({
  sql: 'INSERT INTO things VALUES (?, ?)',
  params: [name, amount],
});
const open = () => openDatabase({ path: join(root, 'db'), migrations });

describe('writes', () => {
  test('are seen by reads once they resolve, and by a second reader of the file', async () => {
    await using database = await open();
    const results = await database.write([
      insert('a', 1),
      insert('b', 2),
      { sql: 'UPDATE things SET amount = 3' },
    ]);
    expect(results.map((result) => result.changes)).toEqual([1, 1, 2]);
    expect(database.get('SELECT amount FROM things WHERE name = ?', 'a')).toEqual({ amount: 3 });
    expect(database.all('SELECT name FROM things ORDER BY name')).toHaveLength(2);
    expect(database.get('SELECT 1 FROM things WHERE name = ?', 'c')).toBeUndefined();
    const other = new DatabaseSync(join(root, 'db'), { readOnly: true });
    expect(other.prepare('SELECT count(*) AS n FROM things').get()).toEqual({ n: 2 });
    other.close();
  });

  test('a failing transaction leaves nothing and its neighbours of the same group whole', async () => {
    await using database = await open();
    const [first, lost, doubled, last] = await Promise.allSettled([
      database.write([insert('a', 1)]),
      database.write([
        insert('lost', 1),
        { sql: 'UPDATE things SET amount = 9 WHERE name = ?', params: ['absent'], expectChanges: 1 },
      ]),
      database.write([insert('also lost', 1), insert('a', 2)]),
      database.write([insert('z', 1)]),
    ]);
    expect([first.status, last.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(lost).toMatchObject({ reason: { kind: 'conflict', code: databaseErrors.unexpectedChanges.code } });
    expect(doubled).toMatchObject({
      reason: { kind: 'conflict', code: databaseErrors.constraintFailed.code },
    });
    expect(database.all('SELECT name FROM things ORDER BY name')).toEqual([{ name: 'a' }, { name: 'z' }]);
  });

  test('a thousand at once share commits', async () => {
    await using database = await open();
    const begin = performance.now();
    await Promise.all(
      Array.from({ length: 1000 }, (_, index) => database.write([insert(`n${index}`, index)])),
    );
    expect(database.get('SELECT count(*) AS n FROM things')).toEqual({ n: 1000 });
    expect(performance.now() - begin).toBeLessThan(30_000);
  });

  test('closing waits for what was accepted; then nothing is accepted', async () => {
    const database = await open();
    const pending = database.write([insert('late', 1)]);
    await database[Symbol.asyncDispose]();
    await expect(pending).resolves.toHaveLength(1);
    await expect(database.write([insert('later', 1)])).rejects.toMatchObject({ kind: 'failed-precondition' });
    expect(() => database.get('SELECT 1')).toThrow(/closed/);
    await using again = await open();
    expect(again.all('SELECT name FROM things')).toEqual([{ name: 'late' }]);
  });

  test('SQL that is wrong says which SQL', async () => {
    await using database = await open();
    await expect(database.write([{ sql: 'INSERT INTO nowhere VALUES (1)' }])).rejects.toThrow(/nowhere/);
    expect(() => database.get('SELECT * FROM nowhere')).toThrow(/nowhere/);
  });
});

test('SQL can hash texts and match expressions, in reads, writes and triggers', async () => {
  const trigger = `CREATE TABLE seen (digest TEXT, matches INTEGER) STRICT;
    CREATE TRIGGER see AFTER INSERT ON things BEGIN
      INSERT INTO seen VALUES (sha256(new.name), new.name REGEXP '^[a-z]+$');
    END`;
  await using database = await openDatabase({
    path: join(root, 'db'),
    migrations: [...migrations, { room: 'shop', version: 2, sql: trigger }],
  });
  await database.write([insert('é', 1), insert('abc', 1)]);
  const [first, second] = database.all('SELECT digest, matches FROM seen ORDER BY matches');
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  expect([first, second]).toEqual([
    { digest: sha256('é'), matches: 0 },
    { digest: sha256('abc'), matches: 1 },
  ]);
  expect(database.get("SELECT sha256('') AS digest, NULL REGEXP 'x' AS matches")).toEqual({
    digest: sha256(''),
    matches: 0,
  });
});

describe('migrations', () => {
  const second: Migration = { room: 'shop', version: 2, sql: 'ALTER TABLE things ADD COLUMN note TEXT' };

  test('go forward, once', async () => {
    await (await open())[Symbol.asyncDispose]();
    await using database = await openDatabase({
      path: join(root, 'db'),
      migrations: [...migrations, second, { room: 'other', version: 1, sql: 'CREATE TABLE o (x)' }],
    });
    await database.write([{ sql: 'INSERT INTO things VALUES (?, ?, ?)', params: ['a', 1, 'new'] }]);
    expect(database.all('SELECT room, version FROM migrations ORDER BY room')).toEqual([
      { room: 'other', version: 1 },
      { room: 'shop', version: 2 },
    ]);
  });

  test('newer tables are refused, a failing step changes nothing, gaps are named', async () => {
    const path = join(root, 'db');
    const broken: Migration = { room: 'shop', version: 2, sql: 'CREATE TABLE extra (x); NONSENSE' };
    await (await open())[Symbol.asyncDispose]();
    await expect(openDatabase({ path, migrations: [...migrations, broken] })).rejects.toThrow();
    {
      await using database = await openDatabase({ path, migrations: [...migrations, second] });
      expect(database.get("SELECT name FROM sqlite_master WHERE name = 'extra'")).toBeUndefined();
    }
    await expect(open()).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: databaseErrors.layoutNewer.code,
    });
    await expect(openDatabase({ path, migrations: [second] })).rejects.toThrow(/without gaps/);
  });

  test('a file that is no database is corrupt; reading only neither migrates nor writes', async () => {
    writeFileSync(join(root, 'bad'), 'x'.repeat(5000));
    await expect(openDatabase({ path: join(root, 'bad'), migrations })).rejects.toMatchObject({
      kind: 'corrupt',
    });
    await using database = await open();
    await database.write([insert('a', 1)]);
    await using view = await openDatabase({ path: join(root, 'db'), migrations: [], readOnly: true });
    expect(view.all('SELECT name FROM things')).toEqual([{ name: 'a' }]);
    await expect(view.write([insert('b', 1)])).rejects.toMatchObject({ code: databaseErrors.readOnly.code });
  });
});

describe('durability', () => {
  test('kill -9 loses no write that resolved, and no half of a transaction', async () => {
    const path = join(root, 'db');
    const script = `
      import { openDatabase } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)};
      const database = await openDatabase({ path: ${JSON.stringify(path)}, migrations: ${JSON.stringify(migrations)} });
      for (let n = 0; ; n++) {
        await Promise.all(['x', 'y'].map((half) => database.write([
          { sql: 'INSERT INTO things VALUES (?, 0)', params: [half + n + 'a'] },
          { sql: 'INSERT INTO things VALUES (?, 0)', params: [half + n + 'b'] },
        ])));
        process.stdout.write(n + '\\n');
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let told = '';
    child.stdout.on('data', (chunk: Buffer) => {
      told += chunk.toString();
      if (told.split('\n').length > 40) child.kill('SIGKILL');
    });
    await once(child, 'close');
    const lastTold = Number(told.trim().split('\n').at(-1));
    expect(lastTold).toBeGreaterThanOrEqual(39);
    await using database = await open();
    const names = new Set(database.all<{ name: string }>('SELECT name FROM things').map((row) => row.name));
    for (let n = 0; n <= lastTold; n++)
      for (const half of ['x', 'y']) expect(names.has(`${half}${n}a`)).toBe(true);
    for (const name of names)
      expect(names.has(name.slice(0, -1) + (name.endsWith('a') ? 'b' : 'a'))).toBe(true);
    expect(database.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' });
  });
});
