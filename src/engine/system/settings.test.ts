import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase, type Database } from '#database';
import { openSettings, parseSpaceLimit, systemMigrations } from './index.ts';

let path: string;
let database: Database;
const open = () => openDatabase({ path: join(path, 'db'), migrations: systemMigrations });
beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'lade-settings-'));
  database = await open();
});
afterEach(async () => {
  await database[Symbol.asyncDispose]();
  rmSync(path, { recursive: true });
});

test('settings have defaults, survive the process, and go back to the default', async () => {
  const settings = openSettings(database);
  expect(settings.value('undo.keep')).toBe(3_600_000);
  expect(settings.value('gc.budget')).toBeUndefined();
  await settings.set('undo.keep', ' 90m ');
  await settings.set('gc.budget', '10%');
  await database[Symbol.asyncDispose]();
  database = await open();
  const again = openSettings(database);
  expect(again.value('undo.keep')).toBe(5_400_000);
  expect(again.value('gc.budget')).toEqual({ kind: 'share', percent: 10 });
  expect(again.list().map(({ key, value }) => [key, value])).toEqual([
    ['builds.age', undefined],
    ['builds.context-files', undefined],
    ['builds.context-size', undefined],
    ['builds.download-size', undefined],
    ['builds.download-time', undefined],
    ['builds.keep', undefined],
    ['gc.budget', '10%'],
    ['undo.keep', '90m'],
  ]);
  expect(await again.unset('undo.keep')).toMatchObject({ value: undefined, default: '1h' });
  expect(again.value('undo.keep')).toBe(3_600_000);
});

test('a change is told once it counts', async () => {
  const seen: number[] = [];
  const settings = openSettings(database, () => void seen.push(settings.value('undo.keep')));
  await settings.set('undo.keep', '0');
  expect(seen).toEqual([0]);
});

test('keys and values that make no sense are refused with what would', async () => {
  const settings = openSettings(database);
  await expect(settings.set('gc.bugdet', '1GB')).rejects.toMatchObject({
    kind: 'not-found',
    hint: 'settings are: builds.age, builds.context-files, builds.context-size, builds.download-size, builds.download-time, builds.keep, gc.budget, undo.keep',
  });
  for (const value of ['', 'much', '-1GB', '0', '101%', '0%', '1iB', '1e9'])
    await expect(settings.set('gc.budget', value), value).rejects.toMatchObject({ kind: 'invalid-argument' });
  for (const value of ['', '-1h', 'soon', '5'])
    await expect(settings.set('undo.keep', value), value).rejects.toMatchObject({ kind: 'invalid-argument' });
  expect(settings.list().every(({ value }) => value === undefined)).toBe(true);
});

test.each([
  ['20GB', 20e9],
  ['20 gb', 20e9],
  ['20GiB', 20 * 1024 ** 3],
  ['1.5k', 1500],
  ['4096', 4096],
])('%s is %i bytes', (text, bytes) => {
  expect(parseSpaceLimit(text)).toEqual({ kind: 'bytes', bytes });
});
