import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lockDirectory, openDirectoryOutput, writeFileOutput } from './destinations.ts';

let path: string;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'lade-destinations-'));
});
afterEach(() => rmSync(path, { recursive: true }));

async function* failing(): AsyncGenerator<Buffer> {
  yield Buffer.from('new and ');
  throw new Error('no more');
}

describe('a file', () => {
  test('is there as a whole or not at all, and keeps what it was', async () => {
    const [fresh, old] = [join(path, 'fresh'), join(path, 'old')];
    writeFileSync(old, 'before');
    for (const target of [fresh, old])
      await expect(writeFileOutput(target, failing(), undefined)).rejects.toThrow('no more');
    expect(readdirSync(path)).toEqual(['old']);
    expect(readFileSync(old, 'utf8')).toBe('before');
  });

  test('may have the longest name', async () => {
    const name = 'n'.repeat(255);
    await writeFileOutput(join(path, name), (async function* () {})(), undefined);
    expect(readdirSync(path)).toEqual([name]);
  });

  test('waits for the disk before it has its name, and then for the name', (t) => {
    if (spawnSync('strace', ['-V']).status !== 0)
      t.skip('strace is not installed; `npm test` installs it where it may');
    const script = `import { writeFileOutput } from ${JSON.stringify(join(import.meta.dirname, 'destinations.ts'))};
      await writeFileOutput(process.argv[1], (async function* () { yield Buffer.from('x'); })(), undefined);`;
    const log = join(path, 'log');
    const run = ['-f', '-y', '-o', log, '-e', 'trace=fsync,rename', process.execPath];
    execFileSync('strace', [...run, '--input-type=module', '-e', script, join(path, 'new/er/out.tar')]);
    const calls = readFileSync(log, 'utf8')
      .split('\n')
      .flatMap((line) => /(fsync|rename)\((.*)\) += 0/u.exec(line)?.slice(1, 3).join(' ') ?? [])
      .map((call) => call.replaceAll(path, '').replaceAll(/\d+<([^>]*)>/gu, '$1'))
      .map((call) => call.replaceAll(/\.lade-[0-9a-f-]+/gu, 'TEMPORARY'));
    expect(calls).toEqual([
      'fsync /new',
      'fsync ',
      'fsync /new/er/TEMPORARY',
      'rename "/new/er/TEMPORARY", "/new/er/out.tar"',
      'fsync /new/er',
    ]);
  });
});

test('a lock is held by one at a time, and leaves no file', async () => {
  mkdirSync(join(path, 'layout'));
  let [inside, most] = [0, 0];
  const one = async (): Promise<void> => {
    using root = await openDirectoryOutput(join(path, 'layout'));
    await using _lock = await lockDirectory(root.fd, 'lock', undefined);
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 10 }, one));
  expect(most).toBe(1);
  expect(existsSync(join(path, 'layout/lock'))).toBe(false);
});
