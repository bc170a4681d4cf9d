import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDatabase, type Database } from '#database';
import { createCacheMounts, type CacheAsk, type CacheMounts } from './cache-mounts.ts';
import { stepsErrors } from './errors.ts';
import { stepsMigrations } from './migrations.ts';

let base: string;
let directory: string;
let database: Database;
let caches: CacheMounts;

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'lade-caches-'));
  directory = join(base, 'build-cache');
  database = await openDatabase({ path: join(base, 'db'), migrations: stepsMigrations });
  caches = createCacheMounts({ directory, database });
});

afterEach(async () => {
  await database[Symbol.asyncDispose]();
  rmSync(base, { recursive: true, force: true });
});

const ask = (id: string, extra: Partial<CacheAsk> = {}): CacheAsk => ({
  id,
  sharing: 'shared',
  mode: 0o755,
  uid: 0,
  gid: 0,
  ...extra,
});

/** Whether a promise is settled by now. */
const isSettled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([
    promise.then(
      () => true,
      () => true,
    ),
    new Promise<boolean>((resolve) => setTimeout(resolve, 30, false)),
  ]);

describe('caches of steps', () => {
  test('are made once and kept, with mode and owner', async () => {
    {
      using taken = await caches.take([ask('npm', { mode: 0o750, uid: 7, gid: 8 })]);
      const [path = ''] = taken.paths;
      expect(statSync(path)).toMatchObject({ mode: 0o40750, uid: 7, gid: 8 });
      writeFileSync(join(path, 'x'), 'kept'.repeat(5000));
      expect((await caches.list())[0]).toMatchObject({ id: 'npm', inUse: true, uses: 1 });
    }
    const reopened = createCacheMounts({ directory, database });
    using again = await reopened.take([ask('npm')]);
    expect(readdirSync(again.paths[0] ?? '')).toEqual(['x']);
    const [info] = await reopened.list();
    expect(info).toMatchObject({ id: 'npm', uses: 2, sharing: 'shared', number: 0, seeded: false });
    expect(info?.sizeBytes).toBeGreaterThanOrEqual(20_000);
  });

  test('that are shared have many users; one who wants it locked waits, first come, first served', async () => {
    const one = await caches.take([ask('a')]);
    const two = await caches.take([ask('a')]);
    expect(one.paths).toEqual(two.paths);
    const locked = caches.take([ask('a', { sharing: 'locked' })]);
    const late = caches.take([ask('a')]);
    one[Symbol.dispose]();
    expect(await isSettled(locked)).toBe(false);
    two[Symbol.dispose]();
    const holder = await locked;
    expect(await isSettled(late)).toBe(false);
    holder[Symbol.dispose]();
    (await late)[Symbol.dispose]();
  });

  test('that are private are copies while in use, and used again', async () => {
    const one = await caches.take([ask('a', { sharing: 'private' })]);
    const two = await caches.take([ask('a', { sharing: 'private' })]);
    expect(one.paths).not.toEqual(two.paths);
    one[Symbol.dispose]();
    const three = await caches.take([ask('a', { sharing: 'private' })]);
    expect(three.paths).toEqual(one.paths);
    expect((await caches.list()).map(({ number }) => number)).toEqual([0, 1]);
    two[Symbol.dispose]();
    three[Symbol.dispose]();
  });

  test('are taken in one order, so that no two steps wait for each other', async () => {
    const locked = (id: string): CacheAsk => ask(id, { sharing: 'locked' });
    const jobs = Array.from({ length: 20 }, async (_, index) => {
      const ids = index % 2 === 0 ? ['a', 'b', 'c'] : ['c', 'b', 'a'];
      using taken = await caches.take(ids.map(locked));
      await new Promise((resolve) => setTimeout(resolve, 1));
      return taken.paths.length;
    });
    expect(await Promise.all(jobs)).toEqual(jobs.map(() => 3));
  });

  test('that one step mounts twice are one', async () => {
    using taken = await caches.take([ask('a', { sharing: 'locked' }), ask('a')]);
    expect(taken.paths[0]).toBe(taken.paths[1]);
  });

  test('are waited for no longer than the build lives', async () => {
    using taken = await caches.take([ask('a', { sharing: 'locked' })]);
    const abort = new AbortController();
    const waiting = caches.take([ask('a')], abort.signal);
    abort.abort(new Error('over'));
    await expect(waiting).rejects.toThrow('over');
    taken[Symbol.dispose]();
    (await caches.take([ask('a', { sharing: 'locked' })]))[Symbol.dispose]();
  });

  test('in use are not removed; others are', async () => {
    const used = await caches.take([ask('used')]);
    (await caches.take([ask('idle')]))[Symbol.dispose]();
    const keys = (await caches.list()).map(({ key }) => key);
    expect((await caches.remove(keys)).map(({ id }) => id)).toEqual(['idle']);
    expect(existsSync(used.paths[0] ?? '')).toBe(true);
    expect(readdirSync(directory)).toHaveLength(1);
    used[Symbol.dispose]();
  });

  test('begin with files where they are given some, once, and are others then', async () => {
    let filled = 0;
    const seed = {
      key: 'k',
      fill: (path: string): Promise<void> => {
        filled += 1;
        writeFileSync(join(path, 'first'), '');
        return Promise.resolve();
      },
    };
    const [one, two] = await Promise.all([
      caches.take([ask('a', { seed })]),
      caches.take([ask('a', { seed })]),
    ]);
    using plain = await caches.take([ask('a')]);
    expect(filled).toBe(1);
    expect(readdirSync(one.paths[0] ?? '')).toEqual(['first']);
    expect(two.paths).toEqual(one.paths);
    expect(readdirSync(plain.paths[0] ?? '')).toEqual([]);
    one[Symbol.dispose]();
    two[Symbol.dispose]();
  });

  test('whose beginning fails leave nothing, and the next step tries again', async () => {
    const failing = { key: 'k', fill: () => Promise.reject(new Error('no')) };
    await expect(caches.take([ask('a', { seed: failing })])).rejects.toThrow('no');
    expect(readdirSync(directory)).toEqual([]);
    expect(await caches.list()).toEqual([]);
    const filling = { key: 'k', fill: () => Promise.resolve() };
    (await caches.take([ask('a', { seed: filling })]))[Symbol.dispose]();
  });

  test('are replaced as a whole, and then belong to whom the first step says', async () => {
    const write = (text: string) => (path: string) => {
      writeFileSync(join(path, 'x'), text);
      return Promise.resolve();
    };
    await caches.replace('a', write('1'));
    const info = await caches.replace('a', write('22'));
    expect(info).toMatchObject({ id: 'a', uses: 0 });
    const taken = await caches.take([ask('a', { uid: 9, gid: 9, mode: 0o700 })]);
    expect(statSync(taken.paths[0] ?? '')).toMatchObject({ uid: 9, gid: 9, mode: 0o40700 });
    expect(statSync(join(taken.paths[0] ?? '', 'x')).size).toBe(2);
    const refused = caches.replace('a', write('3'));
    await expect(refused).rejects.toMatchObject({ code: stepsErrors.cacheInUse.code });
    taken[Symbol.dispose]();
  });

  test('sweeping deletes what a killed process left, and forgets what is not there', async () => {
    const taken = await caches.take([ask('kept'), ask('lost')]);
    taken[Symbol.dispose]();
    rmSync(taken.paths[1] ?? '', { recursive: true });
    writeFileSync(join(directory, '.new-x'), '');
    await caches.sweep();
    expect((await caches.list()).map(({ id }) => id)).toEqual(['kept']);
    expect(readdirSync(directory)).toHaveLength(1);
  });
});
