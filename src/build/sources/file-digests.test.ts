import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase, type Database } from '#database';
import { createDigestStore } from './file-digests.ts';

let path: string;
let root: string;
let database: Database;
const signal = new AbortController().signal;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const statOf = (name: string) => lstatSync(join(root, name), { bigint: true });

const TABLE = `CREATE TABLE build_files (root TEXT NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL,
  mtime_ns TEXT NOT NULL, ctime_ns TEXT NOT NULL, ino TEXT NOT NULL, dev TEXT NOT NULL, digest TEXT NOT NULL,
  PRIMARY KEY (root, path)) WITHOUT ROWID`;

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'lade-digests-'));
  root = join(path, 'root');
  mkdirSync(join(root, 'a'), { recursive: true });
  mkdirSync(join(root, 'b'));
  writeFileSync(join(root, 'a/f'), 'real');
  writeFileSync(join(root, 'b/f'), 'else');
  const migrations = [{ room: 'test', version: 1, sql: TABLE }];
  database = await openDatabase({ path: join(path, 'db'), migrations });
  // Older than a tick of the clock: what is read now is remembered.
  await sleep(2200);
});
afterEach(async () => {
  await database[Symbol.asyncDispose]();
  rmSync(path, { recursive: true });
});

test('what was read of another file, while directories were exchanged, is not remembered', async () => {
  const digests = createDigestStore(database).open(root);
  const stats = statOf('a/f');
  renameSync(join(root, 'a'), join(root, 'kept'));
  renameSync(join(root, 'b'), join(root, 'a'));
  expect(await digests.digest('a/f', stats, signal)).toBe(sha256('else'));
  renameSync(join(root, 'a'), join(root, 'b'));
  symlinkSync('b', join(root, 'a'));
  expect(await digests.digest('a/f', stats, signal)).toBe(sha256('else'));
  unlinkSync(join(root, 'a'));
  renameSync(join(root, 'kept'), join(root, 'a'));
  expect(statOf('a/f')).toMatchObject({ ino: stats.ino, ctimeNs: stats.ctimeNs });
  expect(await digests.digest('a/f', statOf('a/f'), signal)).toBe(sha256('real'));
  await digests.flush();
  const later = createDigestStore(database).open(root);
  expect(await later.digest('a/f', statOf('a/f'), signal)).toBe(sha256('real'));
});

test('a link or a fifo in the place of a file is not read', async () => {
  const digests = createDigestStore(database).open(root);
  const stats = statOf('a/f');
  unlinkSync(join(root, 'a/f'));
  symlinkSync('/etc/hostname', join(root, 'a/f'));
  await expect(Promise.resolve(digests.digest('a/f', stats, signal))).rejects.toMatchObject({
    code: 'ELOOP',
  });
});

test('a file that has all but the device in common with a known one is read', async () => {
  const digests = createDigestStore(database).open(root);
  await digests.digest('a/f', statOf('a/f'), signal);
  await digests.flush();
  for (const store of [digests, createDigestStore(database).open(root)]) {
    expect(store.digest('a/f', statOf('a/f'), signal)).toBe(sha256('real'));
    const elsewhere = Object.assign(statOf('a/f'), { dev: 0xffffn });
    expect(store.digest('a/f', elsewhere, signal)).toBeInstanceOf(Promise);
  }
});

test('what is forgotten is read again, also after a restart', async () => {
  const store = createDigestStore(database);
  const digests = store.open(root);
  await digests.digest('a/f', statOf('a/f'), signal);
  digests.forget?.('a/f');
  await digests.flush();
  expect(database.all('SELECT * FROM build_files')).toEqual([]);
  const later = store.open(root);
  expect(later.looks).not.toBe(digests.looks);
  expect(later.digest('a/f', statOf('a/f'), signal)).toBeInstanceOf(Promise);
});

test('a store that opens afresh reads what is known, and the next build knows that', async () => {
  const store = createDigestStore(database);
  const digests = store.open(root);
  const stats = statOf('a/f');
  await digests.digest('a/f', stats, signal);
  // As a write to mapped memory may: other content under the same stat.
  writeFileSync(join(root, 'a/f'), 'told');
  expect(await digests.digest('a/f', stats, signal)).toBe(sha256('real'));
  const anew = store.afresh().open(root);
  expect(anew.looks).not.toBe(digests.looks);
  expect(await anew.digest('a/f', stats, signal)).toBe(sha256('told'));
});
