import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase } from './index.ts';
import { openReserve } from './reserve.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lade-reserve-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('the reserve takes its space, gives it up once, and takes it again', () => {
  const path = join(directory, 'db');
  const reserve = openReserve(path, 300_000);
  expect(reserve.release()).toBe(false);
  reserve.restore();
  expect(statSync(`${path}-reserve`)).toMatchObject({ size: 300_000 });
  expect(statSync(`${path}-reserve`).blocks * 512).toBeGreaterThanOrEqual(300_000);
  expect(reserve.release()).toBe(true);
  expect(reserve.release()).toBe(false);
  expect(existsSync(`${path}-reserve`)).toBe(false);
  reserve.restore();
  expect(existsSync(`${path}-reserve`)).toBe(true);
});

test('one that would leave little free is not taken', () => {
  const reserve = openReserve(join(directory, 'db'), Number.MAX_SAFE_INTEGER);
  reserve.restore();
  expect(reserve.release()).toBe(false);
});

test('a database makes its reserve beside itself, behind the scenes', async () => {
  const path = join(directory, 'db');
  await using database = await openDatabase({ path, migrations: [], reserveBytes: 65_536 });
  expect(database.path).toBe(path);
  await expect.poll(() => existsSync(`${path}-reserve`)).toBe(true);
});
