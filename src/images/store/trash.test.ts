import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTrash } from './trash.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lade-trash-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('what is nested deeper than paths reach goes too', async () => {
  const removed = join(directory, 'removed');
  mkdirSync(removed);
  const nest = 'i=0; while [ $i -lt 60 ]; do d=$(printf %0100d $i); mkdir $d && cd $d; i=$((i+1)); done';
  execFileSync('bash', ['-c', nest], { cwd: removed });
  const trash = await openTrash(join(directory, 'trash'));
  expect(await (await trash.put(removed))?.freed).toBeGreaterThanOrEqual(0);
  await trash.settled();
  expect(readdirSync(trash.directory)).toEqual([]);
  expect(readdirSync(directory)).toEqual(['trash']);
});
