import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '#database';
import { sha256Of } from '#oci';
import { expect, test } from 'vitest';
import { createContentReads } from './content-reads.ts';
import { openMetadata } from './metadata.ts';

const digest = sha256Of(Buffer.from('shared'));
const names = Array.from({ length: 120 }, (_, index) => `r${String(index).padStart(3, '0')}`);

test('the first repository that links a blob and is wanted is found, wherever it stands', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-metadata-'));
  await using metadata = await openMetadata(join(folder.path, 'registry.db'));
  const { contents } = metadata;
  const link = { digest, size: 1, how: 'push', cause: { actor: 'test' } } as const;
  await Promise.all(names.map((repository) => contents.linkBlob({ ...link, repository })));
  for (const wanted of ['r000', 'r049', 'r050', 'r099', 'r119'])
    expect(contents.linkingRepository(digest, (name) => name >= wanted)).toBe(wanted);
  const seen: string[] = [];
  expect(contents.linkingRepository(digest, (name) => seen.push(name) < 0)).toBeUndefined();
  expect(seen).toEqual(names);
});

test('no more than a page is read when it is among the first', () => {
  let read = 0;
  const all = (_sql: string, _digest: string, after: string, limit = names.length) => {
    const page = names.filter((name) => name > after).slice(0, limit);
    read += page.length;
    return page.map((repository) => ({ repository }));
  };
  const reads = createContentReads({ all } as unknown as Database);
  expect(reads.linkingRepository(digest, (name) => name === 'r003')).toBe('r003');
  expect(read).toBe(50);
});
