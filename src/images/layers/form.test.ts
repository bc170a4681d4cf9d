import {
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { scanTar, writeTar, type TarEntry } from '#tar';
import { makeFormIfAlone } from './form.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lade-form-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const entriesOf = (tarPath: string): TarEntry[] => {
  const fd = openSync(tarPath, 'r');
  try {
    return [...scanTar(fd)];
  } finally {
    closeSync(fd);
  }
};

test('a form whose making failed and was tried again has everything that the layer has', async () => {
  const tarPath = join(directory, 'layer.tar');
  const content = Buffer.from('hello');
  await pipeline(
    Readable.from(writeTar([{ path: 'greeting', kind: 'file', size: content.length, content }])),
    createWriteStream(tarPath),
  );
  const request = (target: string) =>
    ({ backend: 'erofs', tarPath, target: join(directory, target) }) as const;
  makeFormIfAlone(request('at-once'), entriesOf(tarPath));
  let failures = 0;
  makeFormIfAlone(request('absent/later'), entriesOf(tarPath), (make) => {
    try {
      make();
    } catch {
      failures += 1;
      mkdirSync(join(directory, 'absent'));
      make();
    }
  });
  expect(failures).toBe(1);
  const [made, expected] = ['absent/later', 'at-once'].map((name) => readFileSync(join(directory, name)));
  expect(made?.includes('greeting')).toBe(true);
  expect(made).toEqual(expected);
});
