import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OpenDirectory } from './open-directory.ts';
import { openEntry, removeEntry } from './remove-entry.ts';

let path: string;
let root: OpenDirectory;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'lade-remove-'));
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  root = {
    fd,
    entry: (name) => `/proc/self/fd/${fd}/${name}`,
    [Symbol.dispose]: () => closeSync(fd),
  };
});
afterEach(() => {
  root[Symbol.dispose]();
  rmSync(path, { recursive: true });
});

test('a tree goes, what its links lead to stays', async () => {
  mkdirSync(join(path, 'outside'));
  writeFileSync(join(path, 'outside/kept'), '');
  mkdirSync(join(path, 'tree/a/b'), { recursive: true });
  symlinkSync('../../outside', join(path, 'tree/a/link'));
  symlinkSync('outside', join(path, 'alone'));
  await removeEntry(root, 'tree');
  await removeEntry(root, 'alone');
  await removeEntry(root, 'absent');
  expect(readdirSync(path)).toEqual(['outside']);
  expect(readdirSync(join(path, 'outside'))).toEqual(['kept']);
  symlinkSync('outside', join(path, 'again'));
  expect(() => openEntry(root, 'again')).toThrow();
});

test('a tree that nests deeper than descriptors or paths reach', async () => {
  const script = 'import os\nfor _ in range(3000):\n os.mkdir("deep-down"); os.chdir("deep-down")';
  await once(spawn('python3', ['-c', script], { cwd: path }), 'exit');
  expect(lstatSync(join(path, 'deep-down')).isDirectory()).toBe(true);
  await removeEntry(root, 'deep-down');
  expect(readdirSync(path)).toEqual([]);
});

/** Exchanges directories with links to another one as fast as it can. */
const SWAPPER = `
import ctypes, sys
libc = ctypes.CDLL(None)
pairs = [(b'tree/%d' % n, b'link%d' % n) for n in range(int(sys.argv[1]))]
print('on', flush=True)
while True:
    for one, other in pairs: libc.renameat2(-100, one, -100, other, 2)
`;

const swapped = async (count: number): Promise<void> => {
  for (let index = 0; index < count; index += 1) {
    symlinkSync('../outside', join(path, `link${index}`));
    mkdirSync(join(path, `tree/${index}`), { recursive: true });
    writeFileSync(join(path, `tree/${index}/file`), '');
  }
  const swapper = spawn('python3', ['-c', SWAPPER, String(count)], { cwd: path });
  try {
    await once(swapper.stdout, 'data');
    // It may fail, where the swap comes at the wrong moment.
    await removeEntry(root, 'tree').catch(() => undefined);
  } finally {
    swapper.kill('SIGKILL');
    await once(swapper, 'exit');
  }
  for (const name of readdirSync(path)) if (name !== 'outside') rmSync(join(path, name), { recursive: true });
};

test('nothing that a swapped link leads to is removed', async () => {
  mkdirSync(join(path, 'outside'));
  const names = Array.from({ length: 20 }, (_, index) => `f${index}`);
  for (const name of names) writeFileSync(join(path, 'outside', name), '');
  for (let round = 0; round < 8; round += 1) {
    await swapped(50);
    expect(readdirSync(join(path, 'outside'))).toHaveLength(names.length);
  }
});
