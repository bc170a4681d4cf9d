import { execFileSync, spawn } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeTar } from '#tar';
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

test('what is there and is no file is written to, and stays', async () => {
  const pipe = join(folder, 'out.tar');
  execFileSync('mkfifo', [pipe]);
  const reader = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'inherit'] });
  const read = text(reader.stdout);
  const outputs = fetched();
  await outputs.take(0, Buffer.from('one'));
  await outputs.finish();
  expect(await read).toBe('one');
  expect(lstatSync(pipe).isFIFO()).toBe(true);
});

test('a layout keeps the images that it has', async () => {
  const layout = join(folder, 'layout');
  const save = async (digest: string): Promise<void> => {
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [{ digest }] }));
    const outputs = fetchOutputs({ outputs: [{ kind: 'oci', tar: false, destination: layout, names: [] }] });
    const source = { path: 'index.json', kind: 'file', size: index.length, content: index } as const;
    for await (const chunk of writeTar([source])) await outputs.take(0, Buffer.from(chunk));
    await outputs.finish();
  };
  await save('sha256:one');
  await save('sha256:two');
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  expect(manifests).toEqual([{ digest: 'sha256:one' }, { digest: 'sha256:two' }]);
});
