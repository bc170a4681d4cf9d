import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchOutputs } from './build-fetch.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lade-fetch-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const fetched = () => fetchOutputs({ outputs: [{ kind: 'tar', destination: join(folder, 'out.tar') }] });

test('an output that comes whole is in its place', async () => {
  const outputs = fetched();
  expect(outputs.order.outputs).toEqual([{ kind: 'tar', destination: '-' }]);
  await outputs.take(0, Buffer.from('one '));
  await outputs.take(0, Buffer.from('two'));
  await outputs.finish();
  expect(readdirSync(folder)).toEqual(['out.tar']);
  expect(readFileSync(join(folder, 'out.tar')).toString()).toBe('one two');
});

test('an output that does not come whole leaves nothing', async () => {
  const outputs = fetched();
  await outputs.take(0, Buffer.from('one'));
  await outputs.abandon();
  expect(readdirSync(folder)).toEqual([]);
});
