import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTreeMemory, lookAt, type TreeLooks } from './tree-memory.ts';

let root = '';
const at = (name: string): string => join(root, name);
/** Long ago, so that directories count as settled. Only the change time stays young. */
const settle = (name: string): void => utimesSync(at(name), 1e9, 1e9);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tree-memory-'));
  mkdirSync(at('d/e'), { recursive: true });
  for (const name of ['a', 'd/b', 'd/e/c']) writeFileSync(at(name), name);
  symlinkSync('a', at('link'));
});

afterEach(() => rmSync(root, { recursive: true }));

const told = (looks: TreeLooks, name: string): unknown => {
  const stats = looks.stats(name);
  if (stats === undefined) return undefined;
  const { mode, uid, gid, size, ino, nlink, mtimeNs, ctimeNs } = stats;
  return { mode, uid, gid, size, ino, nlink, mtimeNs, ctimeNs };
};

const all = (looks: TreeLooks, directory = ''): readonly unknown[] =>
  looks
    .children(directory)
    .flatMap((name) => [
      [name, told(looks, name)],
      ...(looks.stats(name)?.isDirectory() === true ? all(looks, name) : []),
    ]);

test.each<[string, () => void]>([
  ['nothing', () => undefined],
  ['content of the same length', () => writeFileSync(at('d/b'), 'xyz')],
  ['mode', () => chmodSync(at('d/b'), 0o600)],
  ['time', () => utimesSync(at('a'), 5, 5)],
  ['time of a link', () => lutimesSync(at('link'), 5, 5)],
  ['a new file', () => writeFileSync(at('d/e/new'), '')],
  ['a file less', () => rmSync(at('d/b'))],
  ['a file in the place of another', () => renameSync(at('a'), at('d/b'))],
  ['a directory in the place of a file', () => (rmSync(at('a')), mkdirSync(at('a')))],
  ['a directory renamed', () => renameSync(at('d/e'), at('d/f'))],
])('tells what lstat tells after a change: %s', (_name, change) => {
  const memory = createTreeMemory(root);
  ['', 'd', 'd/e'].forEach(settle);
  expect(all(memory)).toEqual(all(lookAt(root)));
  expect(all(memory)).toEqual(all(lookAt(root)));
  change();
  expect(all(memory)).toEqual(all(lookAt(root)));
});

test('gives the same object while nothing changes, and none where nothing is', () => {
  const memory = createTreeMemory(root);
  const first = memory.stats('d/b');
  expect(memory.stats('d/b')).toBe(first);
  writeFileSync(at('d/b'), 'other');
  expect(memory.stats('d/b')).not.toBe(first);
  expect(memory.stats('absent')).toBeUndefined();
  rmSync(at('d/b'));
  expect(memory.stats('d/b')).toBeUndefined();
});
