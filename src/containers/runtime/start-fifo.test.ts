import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openExecFifo } from './start-fifo.ts';

let root = '';
let fifo = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lade-fifo-'));
  fifo = join(root, 'exec.fifo');
  execFileSync('mkfifo', [fifo]);
});
afterEach(() => rmSync(root, { recursive: true }));

const writeOnce = (): void => {
  const fd = openSync(fifo, constants.O_WRONLY);
  writeSync(fd, '0');
  closeSync(fd);
};

test('a process that wrote, ran and ended between two looks was started', async () => {
  let wrote = false;
  const isAlive = (): boolean => {
    if (!wrote) writeOnce();
    wrote = true;
    return false;
  };
  expect(await openExecFifo(fifo, isAlive)).toBe(true);
  expect(existsSync(fifo)).toBe(false);
});

test('a process that ended without writing was not', async () => {
  expect(await openExecFifo(fifo, () => false)).toBe(false);
});
