import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { asDiffId, digestOf, type DiffId } from '#oci';
import { layerErrors } from './errors.ts';
import { sha256, tarBytes, unpackEntries } from './testing.ts';
import type { Compression } from './types.ts';
import { sharedStore } from './testing/shared-store.ts';
import { formsHere } from './testing/forms.ts';
import { dir, file, root } from './testing/sources.ts';

const diffIdOf = (bytes: Uint8Array): DiffId => asDiffId(digestOf('sha256', sha256(bytes)));
const streamOf = (...chunks: readonly Buffer[]): Readable => Readable.from(chunks, { objectMode: false });

describe.each(formsHere())('%s: unpack', (backend) => {
  const shared = sharedStore(backend);

  const sources = [root, dir('d'), file('d/f', 'x'.repeat(300_000))];

  test.each<[string, Compression, (tar: Buffer) => Buffer]>([
    ['none', 'none', (tar) => tar],
    ['gzip', 'gzip', (tar) => gzipSync(tar)],
    [
      'gzip in members',
      'auto',
      (tar) => Buffer.concat([gzipSync(tar.subarray(0, 1000)), gzipSync(tar.subarray(1000))]),
    ],
    ['zstd', 'auto', (tar) => zstdCompressSync(tar)],
    [
      'zstd in frames',
      'zstd',
      (tar) => Buffer.concat([zstdCompressSync(tar.subarray(0, 1000)), zstdCompressSync(tar.subarray(1000))]),
    ],
  ])('%s', async (_, compression, compress) => {
    const tar = await tarBytes(sources);
    const path = join(shared.path, 'blob');
    writeFileSync(path, compress(tar));
    const info = await shared.store.unpack({ kind: 'file', path, compression });
    expect(info).toEqual({ diffId: diffIdOf(tar), size: tar.length });
    expect(readFileSync(shared.store.tarPath(info.diffId)).equals(tar)).toBe(true);
    expect(Buffer.concat(await shared.store.openTar(info.diffId).toArray()).equals(tar)).toBe(true);
    await using view = await shared.store.mountReadOnly([info.diffId]);
    expect(readFileSync(join(view.path, 'd/f'), 'utf8')).toBe('x'.repeat(300_000));
  });

  test('another digest than expected is an error that leaves nothing', async () => {
    const tar = await tarBytes(sources);
    const expected = diffIdOf(Buffer.from('other'));
    await expect(
      shared.store.unpack({ kind: 'stream', stream: streamOf(tar), compression: 'none' }, { expected }),
    ).rejects.toMatchObject({ kind: 'corrupt', code: layerErrors.digestMismatch.code });
    expect(shared.store.list()).toEqual([]);
    expect(shared.leftovers()).toEqual([]);
  });

  test('what is cut off, damaged, or of unknown form is an error that leaves nothing', async () => {
    const tar = await tarBytes(sources);
    const zipped = gzipSync(tar);
    const bad: [Buffer, Compression, string][] = [
      [tar.subarray(0, 5000), 'none', 'corrupt'],
      [zipped.subarray(0, zipped.length - 20), 'auto', 'corrupt'],
      [zstdCompressSync(tar).subarray(0, 40), 'auto', 'corrupt'],
      [Buffer.concat([zipped.subarray(0, 50), Buffer.alloc(50, 7), zipped.subarray(100)]), 'gzip', 'corrupt'],
      [Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 1, 2]), 'auto', 'unsupported'],
    ];
    for (const [bytes, compression, kind] of bad)
      await expect(
        shared.store.unpack({ kind: 'stream', stream: streamOf(bytes), compression }),
      ).rejects.toMatchObject({ kind });
    expect(shared.store.list()).toEqual([]);
    expect(shared.leftovers()).toEqual([]);
  });

  test('a failing source passes its error on', async () => {
    const stream = Readable.from(
      (async function* chunks() {
        yield Buffer.alloc(10);
        await setTimeout(5);
        throw new Error('network gone');
      })(),
      { objectMode: false },
    );
    await expect(shared.store.unpack({ kind: 'stream', stream, compression: 'none' })).rejects.toThrow(
      /^network gone$/,
    );
    expect(shared.leftovers()).toEqual([]);
  });

  test('calls for the same layer share one job, and later ones find it', async () => {
    const tar = await tarBytes(sources);
    const expected = diffIdOf(tar);
    let read = 0;
    const source = (): Readable => {
      const stream = streamOf(tar);
      stream.on('data', () => read++).pause();
      return stream;
    };
    const infos = await Promise.all(
      [1, 2, 3].map(() =>
        shared.store.unpack({ kind: 'stream', stream: source(), compression: 'none' }, { expected }),
      ),
    );
    expect(new Set(infos.map((info) => info.diffId)).size).toBe(1);
    expect(read).toBe(1);
    await shared.store.unpack({ kind: 'file', path: '/nonexistent', compression: 'none' }, { expected });
    expect(shared.store.list()).toHaveLength(1);
  });

  test('equal layers of unknown digest do not collide', async () => {
    const ids = await Promise.all([1, 2, 3, 4].map(() => unpackEntries(shared.store, sources)));
    expect(new Set(ids).size).toBe(1);
    expect(shared.store.list()).toHaveLength(1);
    expect(shared.leftovers()).toEqual([]);
  });

  test('follows a file that grows', async () => {
    const tar = await tarBytes(sources);
    const zipped = gzipSync(tar);
    const path = join(shared.path, 'growing');
    writeFileSync(path, '');
    let written = 0;
    const growing = {
      async available(beyond: number): Promise<number | 'end'> {
        if (written === zipped.length) return beyond < written ? written : 'end';
        await setTimeout(2);
        appendFileSync(path, zipped.subarray(written, written + 500));
        written = Math.min(zipped.length, written + 500);
        return written;
      },
    };
    const info = await shared.store.unpack({ kind: 'file', path, compression: 'gzip', growing });
    expect(info.diffId).toBe(diffIdOf(tar));
  });

  test('an abort leaves nothing and frees the worker', async () => {
    const path = join(shared.path, 'growing');
    writeFileSync(path, Buffer.alloc(10));
    const controllers = [1, 2, 3].map(() => new AbortController());
    const growing = {
      available: (beyond: number) =>
        beyond < 10 ? Promise.resolve(10) : new Promise<never>(() => undefined),
    };
    const all = controllers.map((controller) =>
      shared.store.unpack(
        { kind: 'file', path, compression: 'none', growing },
        { signal: controller.signal },
      ),
    );
    await setTimeout(50);
    for (const controller of controllers) controller.abort();
    for (const each of await Promise.allSettled(all))
      expect(each).toMatchObject({ status: 'rejected', reason: { kind: 'cancelled' } });
    await unpackEntries(shared.store, sources);
    expect(shared.leftovers()).toEqual([]);
  });
});
