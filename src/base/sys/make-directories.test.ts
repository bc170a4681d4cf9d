import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeDirectories } from './index.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lade-mkdir-'));
});
afterEach(() => rmSync(root, { recursive: true }));

test('makes what is missing, and is idempotent', () => {
  makeDirectories(join(root, 'a', 'b', 'c'), 0o700);
  makeDirectories(join(root, 'a', 'b', 'c'));
  expect(statSync(join(root, 'a', 'b')).mode & 0o777).toBe(0o700);
});

test('a file system that refuses gives an error instead of an endless loop', () => {
  expect(() => makeDirectories('/proc/no-such/thing')).toThrow(/ENOENT/);
});
