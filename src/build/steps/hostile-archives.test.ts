import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { isLadeError } from '#errors';
import { openDatabase } from '#database';
import { layersMigrations, openLayerStore } from '#layers';
import { escapingArchives, makeOutside } from '../../base/tar/testing.ts';
import { DEFAULT_LIMITS, spoolContext } from '#sources';
import { addArchive } from './unpack-archive.ts';

const { signal } = new AbortController();

describe('archives sent as a context cannot reach the host', () => {
  test.each(Object.keys(escapingArchives('/')))('%s', async (name) => {
    using outside = makeOutside();
    const root = mkdtempSync(join(tmpdir(), 'lade-spool-'));
    try {
      const stream = Readable.from([escapingArchives(outside.path)[name] ?? Buffer.alloc(0)]);
      await spoolContext({ stream, root, signal }).catch((error: unknown) =>
        expect(error).toBeInstanceOf(Error),
      );
      expect(outside.touched()).toBe('');
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

describe('archives that ADD unpacks cannot reach the host', () => {
  test('whatever they try, the layer is whole or refused', async () => {
    const path = mkdtempSync(join(tmpdir(), 'lade-add-'));
    const database = await openDatabase({ path: join(path, 'lade.db'), migrations: layersMigrations });
    const store = await openLayerStore({ path, database });
    using outside = makeOutside();
    const file = join(path, 'archive.tar');
    for (const [name, bytes] of Object.entries(escapingArchives(outside.path))) {
      writeFileSync(file, bytes);
      try {
        const { diffId } = await store.writeLayer((writer) =>
          addArchive(writer, {
            path: file,
            base: 'into',
            owner: undefined,
            limits: DEFAULT_LIMITS,
            signal,
          }),
        );
        await using view = await store.mountReadOnly([diffId]);
        expect(view.path).not.toBe('');
      } catch (error) {
        expect(isLadeError(error), `${name}: ${String(error)}`).toBe(true);
      }
      expect(outside.touched(), name).toBe('');
    }
    await store[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    rmSync(path, { recursive: true });
  });
});
