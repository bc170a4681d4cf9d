import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { layersMigrations, openLayerStore } from '#layers';
import { createLibrary } from '#library';
import { openImageStore, openRoot, type ImageStore } from '#store';
import { writeTar } from '#tar';
import { budgetUse, enforceBudget } from './budget.ts';

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'lade-budget-'));
});
afterEach(() => rmSync(path, { recursive: true }));

test('gives up many deletions one by one, oldest first, without reading all of them each time', async () => {
  await using stack = new AsyncDisposableStack();
  const root = stack.use(await openRoot({ path, migrations: layersMigrations }));
  const opened = await openImageStore(root);
  let wholeReads = 0;
  const reading =
    <T>(list: () => T) =>
    () => (wholeReads++, list());
  const store: ImageStore = {
    ...opened,
    blobs: { ...opened.blobs, list: reading(() => opened.blobs.list()) },
    deletions: { ...opened.deletions, list: reading(() => opened.deletions.list()) },
  };
  const layers = stack.use(await openLayerStore(root));
  const library = createLibrary({
    store,
    layers,
    keepDeletedMs: () => 60_000,
    registryClientFor: () => {
      throw new Error('no registry here');
    },
  });
  for (let number = 0; number < 8; number += 1) {
    const content = Buffer.alloc(10_000, String(number));
    const file = { path: 'x', kind: 'file', size: content.length, content } as const;
    await library.import({ stream: Readable.from(writeTar([file])), reference: `image:${number}` });
    if (number < 6) await library.remove(`image:${number}`);
  }
  const parts = { root: path, store, layers, library };
  const { used } = await budgetUse(parts, { kind: 'bytes', bytes: 0 });
  const gone: string[] = [];
  wholeReads = 0;
  const use = await enforceBudget(
    parts,
    { kind: 'bytes', bytes: used - 30_000 },
    { tell: ({ what }) => void gone.push(what) },
  );
  expect(gone).toEqual(['rmi image:0', 'rmi image:1', 'rmi image:2']);
  expect(use.used).toBeLessThanOrEqual(use.limit);
  expect(use).toEqual(await budgetUse(parts, { kind: 'bytes', bytes: use.limit }));
  expect(wholeReads).toBe(0);
  expect(store.deletions.count()).toBe(3);
});
