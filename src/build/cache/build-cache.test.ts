import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openDatabase } from '#database';
import { builderMigrations } from '../builder/migrations.ts';
import { createBuildCache } from './build-cache.ts';
import { createCacheUses } from './uses.ts';

const home = mkdtempSync(join(tmpdir(), 'lade-cache-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

test('keeps results, aliases and steps; layers that are gone are no hit', async () => {
  await using database = await openDatabase({
    path: join(home, 'cache.db'),
    migrations: builderMigrations,
  });
  const layers = new Set<string>(['sha256:1', 'sha256:2']);
  const open = () =>
    createBuildCache({
      database,
      hasLayer: (diffId) => layers.has(diffId),
      recorded: () => Promise.resolve(),
      hold: () => Promise.resolve(),
      use: createCacheUses().open(),
    });
  const cache = open();
  const result = { layers: ['sha256:1', 'sha256:2'], own: 'sha256:2', size: 5, created: 'then' } as never;
  await cache.store({ key: 'k', aliases: ['a'], result });
  await cache.alias('b', 'k');
  cache.remember('step', 'k', { parts: [{ kind: 'file', name: 'x', value: 'ü' }], inputs: [] });
  await cache.flush();
  const again = open();
  for (const key of ['k', 'a', 'b']) expect(again.lookup(key)).toEqual({ result, canonicalKey: 'k' });
  expect(again.previous('step')?.inputs().parts[0]?.value).toBe('ü');
  layers.delete('sha256:1');
  expect(again.lookup('k')).toBeUndefined();
});
