import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asDiffId, digestOf, type DiffId } from '#oci';
import { lgetXattr, lsetXattr, mknod, umount } from '#sys';
import { decodeName, encodeTarHeader, scanTar, TAR_END, type TarSource } from '#tar';
import { layerErrors } from './errors.ts';
import { mountsBelow } from './mount-table.ts';
import { mountOverlay, mountOverlayByText } from './overlay.ts';
import {
  listLayers,
  listTree,
  openTestStore,
  sha256,
  tarBytes,
  unpackEntries,
  type TestStore,
} from './testing.ts';
import type { BackendName, Compression, LayerStore } from './types.ts';

const T = 1_600_000_000_123_456_789n;
const dir = (path: string, extra: Partial<TarSource> = {}): TarSource => ({
  path,
  kind: 'directory',
  mode: 0o755,
  mtimeNs: T,
  ...extra,
});
const file = (path: string, text: string, extra: Partial<TarSource> = {}): TarSource => ({
  path,
  kind: 'file',
  mode: 0o644,
  mtimeNs: T,
  content: Buffer.from(text),
  ...extra,
});
const root = dir('.');
const diffIdOf = (bytes: Uint8Array): DiffId => asDiffId(digestOf('sha256', sha256(bytes)));
const streamOf = (...chunks: readonly Buffer[]): Readable => Readable.from(chunks, { objectMode: false });

describe.each<BackendName>(['erofs', 'directories'])('%s', (backend) => {
  let opened: TestStore;
  let store: LayerStore;
  beforeEach(async () => {
    opened = await openTestStore(backend);
    store = opened.store;
  });
  afterEach(() => opened[Symbol.asyncDispose]());

  /** What is left in the folder of layers besides whole layers. */
  const leftovers = (): string[] =>
    readdirSync(join(opened.path, 'layers')).filter((name) => !/^[0-9a-f]{64}$/.test(name));

  describe('unpack', () => {
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
        (tar) =>
          Buffer.concat([zstdCompressSync(tar.subarray(0, 1000)), zstdCompressSync(tar.subarray(1000))]),
      ],
    ])('%s', async (_, compression, compress) => {
      const tar = await tarBytes(sources);
      const path = join(opened.path, 'blob');
      writeFileSync(path, compress(tar));
      const info = await store.unpack({ kind: 'file', path, compression });
      expect(info).toEqual({ diffId: diffIdOf(tar), size: tar.length });
      expect(readFileSync(store.tarPath(info.diffId)).equals(tar)).toBe(true);
      expect(Buffer.concat(await store.openTar(info.diffId).toArray()).equals(tar)).toBe(true);
      await using view = await store.mountReadOnly([info.diffId]);
      expect(readFileSync(join(view.path, 'd/f'), 'utf8')).toBe('x'.repeat(300_000));
    });

    test('another digest than expected is an error that leaves nothing', async () => {
      const tar = await tarBytes(sources);
      const expected = diffIdOf(Buffer.from('other'));
      await expect(
        store.unpack({ kind: 'stream', stream: streamOf(tar), compression: 'none' }, { expected }),
      ).rejects.toMatchObject({ kind: 'corrupt', code: layerErrors.digestMismatch.code });
      expect(store.list()).toEqual([]);
      expect(leftovers()).toEqual([]);
    });

    test('what is cut off, damaged, or of unknown form is an error that leaves nothing', async () => {
      const tar = await tarBytes(sources);
      const zipped = gzipSync(tar);
      const bad: [Buffer, Compression, string][] = [
        [tar.subarray(0, 5000), 'none', 'corrupt'],
        [zipped.subarray(0, zipped.length - 20), 'auto', 'corrupt'],
        [zstdCompressSync(tar).subarray(0, 40), 'auto', 'corrupt'],
        [
          Buffer.concat([zipped.subarray(0, 50), Buffer.alloc(50, 7), zipped.subarray(100)]),
          'gzip',
          'corrupt',
        ],
        [Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 1, 2]), 'auto', 'unsupported'],
      ];
      for (const [bytes, compression, kind] of bad)
        await expect(
          store.unpack({ kind: 'stream', stream: streamOf(bytes), compression }),
        ).rejects.toMatchObject({ kind });
      expect(store.list()).toEqual([]);
      expect(leftovers()).toEqual([]);
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
      await expect(store.unpack({ kind: 'stream', stream, compression: 'none' })).rejects.toThrow(
        /^network gone$/,
      );
      expect(leftovers()).toEqual([]);
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
          store.unpack({ kind: 'stream', stream: source(), compression: 'none' }, { expected }),
        ),
      );
      expect(new Set(infos.map((info) => info.diffId)).size).toBe(1);
      expect(read).toBe(1);
      await store.unpack({ kind: 'file', path: '/nonexistent', compression: 'none' }, { expected });
      expect(store.list()).toHaveLength(1);
    });

    test('equal layers of unknown digest do not collide', async () => {
      const ids = await Promise.all([1, 2, 3, 4].map(() => unpackEntries(store, sources)));
      expect(new Set(ids).size).toBe(1);
      expect(store.list()).toHaveLength(1);
      expect(leftovers()).toEqual([]);
    });

    test('follows a file that grows', async () => {
      const tar = await tarBytes(sources);
      const zipped = gzipSync(tar);
      const path = join(opened.path, 'growing');
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
      const info = await store.unpack({ kind: 'file', path, compression: 'gzip', growing });
      expect(info.diffId).toBe(diffIdOf(tar));
    });

    test('an abort leaves nothing and frees the worker', async () => {
      const path = join(opened.path, 'growing');
      writeFileSync(path, Buffer.alloc(10));
      const controllers = [1, 2, 3].map(() => new AbortController());
      const growing = {
        available: (beyond: number) =>
          beyond < 10 ? Promise.resolve(10) : new Promise<never>(() => undefined),
      };
      const all = controllers.map((controller) =>
        store.unpack({ kind: 'file', path, compression: 'none', growing }, { signal: controller.signal }),
      );
      await setTimeout(50);
      for (const controller of controllers) controller.abort();
      for (const each of await Promise.allSettled(all))
        expect(each).toMatchObject({ status: 'rejected', reason: { kind: 'cancelled' } });
      await unpackEntries(store, sources);
      expect(leftovers()).toEqual([]);
    });
  });

  describe('hostile layers', () => {
    test.each<[string, readonly TarSource[]]>([
      ['a path above the root', [file('../escape', 'x')]],
      ['a path through ..', [dir('a'), file('a/../../escape', 'x')]],
      ['a hard link to the host', [{ path: 'l', kind: 'hardlink', linkName: '../../../etc/passwd' }]],
      ['a hard link to a host path', [{ path: 'l', kind: 'hardlink', linkName: '/etc/passwd' }]],
      ['a file as a parent', [file('a', 'x'), file('a/b', 'y')]],
      [
        'links in a circle',
        [
          { path: 'a', kind: 'symlink', linkName: 'b' },
          { path: 'b', kind: 'symlink', linkName: 'a' },
          file('a/x', 'y'),
        ],
      ],
      ['a name that is too long', [file('n'.repeat(256), 'x')]],
      ['a whiteout of nothing', [dir('a'), file('a/.wh.', 'x')]],
      ['an owner beyond 32 bits', [file('a', 'x', { uid: 2 ** 40 })]],
      ['a device number that no kernel has', [{ path: 'd', kind: 'char', major: 5000, minor: 1 }]],
      ['a whiteout of ..', [dir('a'), file('a/.wh...', 'x')]],
    ])('%s is refused', async (_, sources) => {
      const outcome = async (): Promise<void> => {
        const diffId = await unpackEntries(store, sources);
        await store.prepare([diffId]);
      };
      await expect(outcome()).rejects.toMatchObject({ kind: 'corrupt' });
    });

    test('links out of the root lead nowhere but inside it', async () => {
      const outside = mkdtempSync(join(tmpdir(), 'lade-outside-'));
      const ids = [
        await unpackEntries(store, [
          root,
          { path: 'abs', kind: 'symlink', linkName: outside },
          { path: 'up', kind: 'symlink', linkName: '../../../../../../../../../..' },
          file('abs/one', '1'),
        ]),
        await unpackEntries(store, [file('abs/two', '2'), file(`up${outside}/three`, '3')]),
      ];
      await using view = await store.mountReadOnly(ids);
      expect(readdirSync(outside)).toEqual([]);
      expect(readdirSync(join(view.path, outside)).sort()).toEqual(['one', 'three', 'two']);
      rmSync(outside, { recursive: true });
    });

    test('what overlay would obey is neutralised', async () => {
      const steer = new Map([
        ['trusted.overlay.redirect', Buffer.from('/etc')],
        ['trusted.overlay.opaque', Buffer.from('y')],
        ['user.overlay.opaque', Buffer.from('y')],
        ['trusted.overlay.metacopy', Buffer.alloc(0)],
        ['user.fine', Buffer.from('y')],
      ]);
      const ids = [
        await unpackEntries(store, [root, dir('d'), file('d/below', 'b'), file('e', 'e')]),
        await unpackEntries(store, [
          dir('d', { xattrs: steer }),
          { path: 'e', kind: 'char', major: 0, minor: 0 },
        ]),
      ];
      await using view = await store.mountReadOnly(ids);
      expect(readdirSync(join(view.path, 'd'))).toEqual(['below']);
      expect(readFileSync(join(view.path, 'e'), 'utf8')).toBe('e');
      expect(lgetXattr(join(view.path, 'd'), 'user.fine')?.toString()).toBe('y');
      expect(lgetXattr(join(view.path, 'd'), 'user.overlay.opaque')).toBeUndefined();
    });
  });

  describe('sparse and large files', () => {
    const sparseTar = (
      path: string,
      size: number,
      pieces: readonly (readonly [number, string])[],
    ): Buffer => {
      const host = mkdtempSync(join(tmpdir(), 'lade-sparse-'));
      writeFileSync(join(host, path), '');
      truncateSync(join(host, path), size);
      for (const [at, text] of pieces)
        execFileSync(
          'dd',
          [`of=${join(host, path)}`, `oflag=seek_bytes`, `seek=${at}`, 'conv=notrunc', 'status=none'],
          { input: text },
        );
      const tar = execFileSync('tar', ['-S', '--format=pax', '-C', host, '-cf', '-', path], {
        maxBuffer: 1 << 28,
      });
      rmSync(host, { recursive: true });
      return tar;
    };

    test('more than 4 GiB with holes', async () => {
      const size = 5 * 2 ** 30 + 123;
      const tar = sparseTar('big', size, [
        [0, 'start'],
        [2 ** 32 + 8192, 'beyond'],
        [size - 3, 'end'],
      ]);
      const { diffId } = await store.unpack({ kind: 'stream', stream: streamOf(tar), compression: 'none' });
      await using view = await store.mountReadOnly([diffId]);
      expect(statSync(join(view.path, 'big')).size).toBe(size);
      const fd = openSync(join(view.path, 'big'), 'r');
      const read = (at: number, length: number): string => {
        const buffer = Buffer.alloc(length);
        readSync(fd, buffer, 0, length, at);
        return buffer.toString('latin1');
      };
      expect(read(0, 6)).toBe('start\0');
      expect(read(2 ** 32 + 8190, 10)).toBe('\0\0beyond\0\0');
      expect(read(2 ** 31, 5)).toBe('\0'.repeat(5));
      expect(read(size - 4, 4)).toBe('\0end');
      closeSync(fd);
    });

    test('runs that are no whole blocks', async () => {
      const map = '2\n3\n4\n700\n5\n';
      const content = Buffer.concat([Buffer.from(map.padEnd(512, '\0')), Buffer.from('abcdvwxyz')]);
      const header = encodeTarHeader({ path: 'GNUSparseFile.0/odd', kind: 'file', size: content.length });
      const record = (key: string, value: string): string => {
        const rest = ` ${key}=${value}\n`;
        const length = rest.length + String(rest.length + 2).length;
        return `${length}${rest}`;
      };
      const records = Buffer.from(
        record('GNU.sparse.major', '1') +
          record('GNU.sparse.minor', '0') +
          record('GNU.sparse.name', 'odd') +
          record('GNU.sparse.realsize', '1000'),
      );
      const pax = encodeTarHeader({ path: 'p', kind: 'file', size: records.length });
      pax.write('x', 156, 'latin1');
      pax.write('        ', 148, 'latin1');
      pax.write(
        `${pax
          .reduce((a, b) => a + b, 0)
          .toString(8)
          .padStart(6, '0')}\0 `,
        148,
        'latin1',
      );
      const pad = (bytes: Buffer): Buffer =>
        Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
      const tar = Buffer.concat([pax, pad(records), header, pad(content), TAR_END]);
      const { diffId } = await store.unpack({ kind: 'stream', stream: streamOf(tar), compression: 'none' });
      await using view = await store.mountReadOnly([diffId]);
      const wanted = Buffer.alloc(1000);
      wanted.write('abcd', 3);
      wanted.write('vwxyz', 700);
      expect(readFileSync(join(view.path, 'odd')).equals(wanted)).toBe(true);
    });
  });

  describe('snapshots', () => {
    const base = (): Promise<DiffId> =>
      unpackEntries(store, [
        dir('.', { mode: 0o751, uid: 3, mtimeNs: T }),
        dir('etc'),
        file('etc/hosts', 'h'),
        file('etc/keep', 'k'),
        dir('usr'),
        dir('usr/lib'),
        file('usr/lib/a', 'a'),
        file('usr/lib/b', 'b'),
        dir('tmp', { mode: 0o1777 }),
        file('cap', 'c', { xattrs: new Map([['user.x', Buffer.from([1, 0, 255])]]) }),
      ]);

    test('show the layers, keep what is written, and one device number for all', async () => {
      const layers = [await base(), await unpackEntries(store, [file('etc/more', 'm')])];
      const snapshot = await store.createSnapshot({ id: 'one', layers, kind: 'container' });
      const path = await snapshot.mount();
      expect(await snapshot.mount()).toBe(path);
      expect(statSync(path).mode & 0o7777).toBe(0o751);
      expect(statSync(path).uid).toBe(3);
      expect(lstatSync(path, { bigint: true }).mtimeNs).toBe(T);
      expect(readFileSync(join(path, 'etc/more'), 'utf8')).toBe('m');
      writeFileSync(join(path, 'etc/written'), 'w');
      expect(statSync(join(path, 'etc/keep')).dev).toBe(statSync(path).dev);
      await snapshot.unmount();
      expect(existing(path)).toEqual([]);
      expect(readFileSync(join(await snapshot.mount(), 'etc/written'), 'utf8')).toBe('w');
      expect((await snapshot.usage()).bytes).toBeGreaterThan(0);
    });

    test('that are ephemeral wait for no disk, and are mounted again with what was written', async () => {
      const layers = [await base()];
      const options = (path: string): string =>
        readFileSync('/proc/self/mountinfo', 'utf8')
          .split('\n')
          .find((line) => line.includes(` ${path} `)) ?? '';
      const kept = await store.createSnapshot({ id: 'kept', layers, kind: 'container' });
      expect(options(await kept.mount())).not.toContain('volatile');
      const brief = await store.createSnapshot({ id: 'brief', layers, kind: 'container', ephemeral: true });
      expect(options(await brief.mount())).toContain('volatile');
      writeFileSync(join(brief.mergedPath, 'etc/written'), 'w');
      await brief.unmount();
      expect(options(await brief.mount())).toContain('volatile');
      expect(readFileSync(join(brief.mergedPath, 'etc/written'), 'utf8')).toBe('w');
    });

    const existing = (path: string): string[] => readdirSync(path);

    test('without layers start empty', async () => {
      const snapshot = await store.createSnapshot({ id: 'scratch', layers: [], kind: 'build' });
      const path = await snapshot.mount();
      expect(readdirSync(path)).toEqual([]);
      expect(await snapshot.changes()).toEqual([]);
      expect(await snapshot.commit()).toBeUndefined();
      writeFileSync(join(path, 'first'), '1');
      const info = await snapshot.commit();
      expect((await listLayers(store, [info!.diffId])).slice(1)).toEqual(listTree(path).slice(1));
    });

    const change = (path: string): void => {
      writeFileSync(join(path, 'etc/hosts'), 'changed');
      writeFileSync(join(path, 'etc/new'), 'n');
      linkSync(join(path, 'etc/new'), join(path, 'etc/newer'));
      symlinkSync('new', join(path, 'etc/link'));
      execFileSync('mknod', [join(path, 'null'), 'c', '1', '3']);
      execFileSync('mknod', [join(path, 'pipe'), 'p']);
      rmSync(join(path, 'usr/lib/a'));
      rmSync(join(path, 'tmp'), { recursive: true });
      mkdirSync(join(path, 'tmp'));
      writeFileSync(join(path, 'tmp/inside'), 'i');
      chmodSync(join(path, 'cap'), 0o4711);
      lsetXattr(
        join(path, 'cap'),
        'security.capability',
        Buffer.from('0100000200200000000000000000000000000000', 'hex'),
      );
    };

    test('tell what changed, as docker diff does', async () => {
      const snapshot = await store.createSnapshot({ id: 'c', layers: [await base()], kind: 'container' });
      const path = await snapshot.mount();
      expect(await snapshot.changes()).toEqual([]);
      change(path);
      const lines = (await snapshot.changes()).map(({ path: at, kind }) => `${kind[0]} ${at}`);
      expect(lines).toEqual([
        'm /cap',
        'm /etc',
        'm /etc/hosts',
        'a /etc/link',
        'a /etc/new',
        'a /etc/newer',
        'a /null',
        'a /pipe',
        'm /tmp',
        'a /tmp/inside',
        'm /usr',
        'm /usr/lib',
        'd /usr/lib/a',
      ]);
    });

    test('become a layer that brings exactly the merged root', async () => {
      const layers = [await base()];
      const snapshot = await store.createSnapshot({ id: 'c', layers, kind: 'build' });
      const path = await snapshot.mount();
      change(path);
      const info = await snapshot.commit();
      const merged = listTree(path, { directoryTimes: true }).slice(1);
      expect((await listLayers(store, [...layers, info!.diffId], { directoryTimes: true })).slice(1)).toEqual(
        merged,
      );
      expect(await snapshot.commit()).toEqual(info);
      const other = await openTestStore(backend === 'erofs' ? 'directories' : 'erofs');
      for (const diffId of [...layers, info!.diffId])
        await other.store.unpack(
          { kind: 'file', path: store.tarPath(diffId), compression: 'none' },
          { expected: diffId },
        );
      expect(
        (await listLayers(other.store, [...layers, info!.diffId], { directoryTimes: true })).slice(1),
      ).toEqual(merged);
      await other[Symbol.asyncDispose]();
      const listing = execFileSync('tar', ['-tf', store.tarPath(info!.diffId)])
        .toString()
        .trim()
        .split('\n');
      expect(listing).toContain('usr/lib/.wh.a');
      expect(listing).toContain('tmp/');
    });

    test('see everything of files whose names are not UTF-8', async () => {
      const [name, inside] = [Buffer.of(0xff, 0x41), Buffer.of(0x2f, 0xfe)];
      const [directory, whole] = [decodeName(name), `${decodeName(name)}-whole`];
      const x = new Map([['user.x', Buffer.from('y')]]);
      const layers = [
        await unpackEntries(store, [
          root,
          dir(directory, { xattrs: x }),
          file(`${directory}/f`, 'f', { xattrs: x }),
          { path: `${directory}/${decodeName(Buffer.of(0xfd))}`, kind: 'fifo', mtimeNs: T },
          dir(whole),
          file(`${whole}/hidden`, 'h'),
        ]),
      ];
      const snapshot = await store.createSnapshot({ id: 'c', layers, kind: 'build' });
      const path = Buffer.from(`${await snapshot.mount()}/`);
      const at = (...parts: readonly (Buffer | string)[]): Buffer =>
        Buffer.concat([path, name, ...parts.map((part) => Buffer.from(part))]);
      expect(lgetXattr(at('/f'), 'user.x')?.toString()).toBe('y');
      expect(await snapshot.changes()).toEqual([]);
      lsetXattr(at(), 'user.more', Buffer.from('z'));
      mknod(at(inside), constants.S_IFIFO | 0o600);
      lsetXattr(at(inside), 'trusted.note', Buffer.from([0]));
      rmSync(at('-whole'), { recursive: true });
      mkdirSync(at('-whole'));
      expect(await snapshot.changes()).toEqual([
        { path: `/${directory}`, kind: 'modified' },
        { path: `/${directory}/${decodeName(Buffer.of(0xfe))}`, kind: 'added' },
        { path: `/${whole}`, kind: 'modified' },
        { path: `/${whole}/hidden`, kind: 'deleted' },
      ]);
      const info = await snapshot.commit();
      const listed = await listLayers(store, [...layers, info!.diffId]);
      expect(listed.slice(1)).toEqual(listTree(snapshot.mergedPath).slice(1));
      expect(listed.join('\n')).toMatch(/user\.more=7a(.|\n)*trusted\.note=00/);
    });

    test.each([true, false])(
      'bring attributes of the root itself where they changed (layers: %s)',
      async (some) => {
        const layers = some ? [await base(), await unpackEntries(store, [file('etc/x', 'x')])] : [];
        const snapshot = await store.createSnapshot({ id: 'c', layers, kind: 'build' });
        const path = await snapshot.mount();
        expect(await snapshot.commit()).toBeUndefined();
        chmodSync(path, 0o711);
        const info = await snapshot.commit();
        const above = await store.createSnapshot({
          id: 'd',
          layers: [...layers, info!.diffId],
          kind: 'build',
        });
        expect(statSync(await above.mount()).mode & 0o7777).toBe(0o711);
        expect(statSync(above.mergedPath).uid).toBe(some ? 3 : 0);
      },
    );

    test('leave out what the runtime made', async () => {
      const snapshot = await store.createSnapshot({ id: 'c', layers: [await base()], kind: 'build' });
      const path = await snapshot.mount();
      for (const name of ['proc', 'dev', 'etc/mounted']) mkdirSync(join(path, name));
      writeFileSync(join(path, 'etc/resolv.conf'), '');
      const ignore = ['/proc', '/dev', '/etc/mounted', '/etc/resolv.conf'];
      expect(await snapshot.changes({ ignore })).toEqual([]);
      expect(await snapshot.commit({ ignore })).toBeUndefined();
      writeFileSync(join(path, 'etc/real'), '');
      expect((await snapshot.changes({ ignore })).map((each) => each.path)).toEqual(['/etc', '/etc/real']);
    });

    test('clamp times, and give the same layer for the same content', async () => {
      const clampTo = new Date('2020-01-01T00:00:00Z');
      const ids: (string | undefined)[] = [];
      for (const id of ['a', 'b']) {
        const snapshot = await store.createSnapshot({ id, layers: [await base()], kind: 'build' });
        const path = await snapshot.mount();
        for (const name of id === 'a' ? ['x', 'y', 'z'] : ['z', 'x', 'y'])
          writeFileSync(join(path, 'etc', name), name);
        ids.push((await snapshot.commit({ clampTo }))?.diffId);
        await setTimeout(5);
      }
      expect(ids[0]).toBeDefined();
      expect(ids[0]).toBe(ids[1]);
    });

    test('a directory that moved is whole in the layer', async () => {
      const layers = [await base()];
      const snapshot = await store.createSnapshot({ id: 'c', layers, kind: 'build' });
      const path = await snapshot.mount();
      expect(() => renameSync(join(path, 'usr'), join(path, 'moved'))).toThrow(/EXDEV/);
      execFileSync('mv', [join(path, 'usr'), join(path, 'moved')]);
      const info = await snapshot.commit();
      expect((await listLayers(store, [...layers, info!.diffId])).slice(1)).toEqual(listTree(path).slice(1));
    });

    test('are found again, mounted or not, by the next process', async () => {
      const layers = [await base()];
      const first = await store.createSnapshot({ id: 'kept', layers, kind: 'container' });
      await store.createSnapshot({ id: 'idle', layers, kind: 'container' });
      writeFileSync(join(await first.mount(), 'etc/w'), 'w');
      store = await opened.reopen();
      expect(
        store
          .snapshots()
          .map(({ id, mounted }) => `${id} ${mounted}`)
          .toSorted(),
      ).toEqual(['idle false', 'kept true']);
      const again = store.snapshot('kept')!;
      expect(readFileSync(join(await again.mount(), 'etc/w'), 'utf8')).toBe('w');
      await again.remove();
      expect(store.snapshot('kept')).toBeUndefined();
    });

    test('hold their layers', async () => {
      const diffId = await base();
      const snapshot = await store.createSnapshot({ id: 'c', layers: [diffId], kind: 'container' });
      await snapshot.mount();
      await expect(store.remove(diffId)).rejects.toMatchObject({ kind: 'conflict' });
      await snapshot.remove();
      await store.remove(diffId);
      await store.remove(diffId);
      expect(store.list()).toEqual([]);
      expect(readdirSync(join(opened.path, 'layers'))).toEqual([]);
      expect(mountsBelow(opened.path)).toEqual([]);
    });

    test('refuse a bad name, a used one and an absent layer', async () => {
      await expect(store.createSnapshot({ id: '../x', layers: [], kind: 'build' })).rejects.toMatchObject({
        kind: 'invalid-argument',
      });
      await store.createSnapshot({ id: 'x', layers: [], kind: 'build' });
      await expect(store.createSnapshot({ id: 'x', layers: [], kind: 'build' })).rejects.toMatchObject({
        kind: 'already-exists',
      });
      const layers = [diffIdOf(Buffer.from('absent'))];
      await expect(store.createSnapshot({ id: 'y', layers, kind: 'build' })).rejects.toMatchObject({
        kind: 'not-found',
      });
      expect(existing(join(opened.path, 'snapshots'))).toEqual(['x']);
    });
  });

  describe('writeLayer', () => {
    test('writes what it is given, twice the same', async () => {
      const host = join(opened.path, 'host');
      writeFileSync(host, 'y'.repeat(3_000_000));
      const write = (): Promise<{ diffId: DiffId }> =>
        store.writeLayer(async (writer) => {
          await writer.add({ path: '/app/', kind: 'directory', mode: 0o700 });
          await writer.add({
            path: 'app/big',
            kind: 'file',
            source: { kind: 'path', path: host },
            mtimeNs: T,
          });
          await writer.add({
            path: 'app/small',
            kind: 'file',
            source: { kind: 'bytes', bytes: Buffer.from('s') },
            uid: 5,
          });
          await writer.add({
            path: 'app/streamed',
            kind: 'file',
            source: { kind: 'stream', stream: streamOf(Buffer.from('abc')), size: 3 },
          });
          await writer.add({ path: 'app/link', kind: 'symlink', linkName: '/app/small' });
          await writer.add({ path: 'app/hard', kind: 'hardlink', linkName: '/app/small' });
          await writer.whiteout('/etc/gone');
          await writer.opaque('/var');
        });
      const [one, two] = [await write(), await write()];
      expect(two).toEqual(one);
      const fd = openSync(store.tarPath(one.diffId), 'r');
      expect([...scanTar(fd)].map((entry) => entry.path)).toEqual([
        'app/',
        'app/big',
        'app/small',
        'app/streamed',
        'app/link',
        'app/hard',
        'etc/.wh.gone',
        'var/.wh..wh..opq',
      ]);
      closeSync(fd);
      const below = await unpackEntries(store, [
        root,
        dir('etc'),
        file('etc/gone', 'g'),
        dir('var'),
        file('var/x', 'x'),
      ]);
      await using view = await store.mountReadOnly([below, one.diffId]);
      expect(readFileSync(join(view.path, 'app/big')).length).toBe(3_000_000);
      expect(readdirSync(join(view.path, 'etc'))).toEqual([]);
      expect(readdirSync(join(view.path, 'var'))).toEqual([]);
    });

    test('leaves nothing when the writer fails', async () => {
      await expect(
        store.writeLayer(async (writer) => {
          await writer.add({
            path: 'a',
            kind: 'file',
            source: { kind: 'stream', stream: streamOf(Buffer.from('abc')), size: 4 },
          });
        }),
      ).rejects.toThrow(/instead of 4/);
      expect(leftovers()).toEqual([]);
    });
  });

  test('a layer that occurs twice in a stack counts where it is on top', async () => {
    const a = await unpackEntries(store, [root, file('f', 'a'), dir('d')]);
    const b = await unpackEntries(store, [root, file('f', 'b'), file('g', 'b')]);
    await using view = await store.mountReadOnly([a, b, a, a]);
    expect(readFileSync(join(view.path, 'f'), 'utf8')).toBe('a');
    expect(readFileSync(join(view.path, 'g'), 'utf8')).toBe('b');
  });

  test('a lost form is made again from the tar', async () => {
    const diffId = await unpackEntries(store, [root, file('f', 'x')]);
    const folder = join(opened.path, 'layers', diffId.slice(7));
    for (const name of readdirSync(folder))
      if (name !== 'layer.tar') rmSync(join(folder, name), { recursive: true });
    store = await opened.reopen();
    expect(await listLayers(store, [diffId])).toHaveLength(2);
  });

  test('a sweep deletes what has no record and forgets what has no files', async () => {
    const diffId = await unpackEntries(store, [root, file('f', 'x')]);
    const lost = await unpackEntries(store, [root, file('g', 'x')]);
    mkdirSync(join(opened.path, 'layers', '.tmp-left'));
    mkdirSync(join(opened.path, 'layers', 'a'.repeat(64)));
    mkdirSync(join(opened.path, 'snapshots', 'left'));
    rmSync(join(opened.path, 'layers', lost.slice(7)), { recursive: true });
    store = await opened.reopen();
    expect(store.list().map((info) => info.diffId)).toEqual([diffId]);
    expect(readdirSync(join(opened.path, 'layers'))).toEqual([diffId.slice(7)]);
    expect(readdirSync(join(opened.path, 'snapshots'))).toEqual([]);
  });
});

describe('many layers', () => {
  test('500 stack, by both ways to mount where they fit, and 501 are refused with a reason', async () => {
    await using opened = await openTestStore('erofs');
    const write = (i: number): Promise<{ readonly diffId: DiffId }> =>
      opened.store.writeLayer((w) => w.add({ path: `f${i}`, kind: 'file', mtimeNs: BigInt(i) }));
    const layers: DiffId[] = [];
    while (layers.length < 501) {
      const next = Array.from({ length: Math.min(32, 501 - layers.length) }, (_, i) =>
        write(layers.length + i),
      );
      layers.push(...(await Promise.all(next)).map((info) => info.diffId));
    }
    const snapshot = await opened.store.createSnapshot({
      id: 'many',
      layers: layers.slice(0, 500),
      kind: 'build',
    });
    expect(readdirSync(await snapshot.mount())).toHaveLength(500);
    await snapshot.remove();
    const over = await opened.store.createSnapshot({ id: 'over', layers, kind: 'build' });
    await expect(over.mount()).rejects.toMatchObject({ code: layerErrors.tooManyLayers.code });
    const target = mkdtempSync(join(opened.path, 'text-'));
    const lowers = layers.slice(0, 200).map((diffId) => join(opened.path, 'mounts', diffId.slice(7)));
    mountOverlayByText({ lowers, target });
    expect(readdirSync(target)).toHaveLength(200);
    umount(target);
    mountOverlay({ lowers, target });
    umount(target);
  }, 180_000);
});

describe('after kill -9', () => {
  test('the next open finds whole layers and mounted snapshots only', async () => {
    const path = mkdtempSync(join(tmpdir(), 'lade-killed-'));
    const script = join(path, 'child.ts');
    const here = import.meta.dirname;
    writeFileSync(
      script,
      `import { Readable } from 'node:stream';
       import { openDatabase } from '${here}/../../base/database/index.ts';
       import { openLayerStore, layersMigrations } from '${here}/index.ts';
       const database = await openDatabase({ path: '${path}/lade.db', migrations: layersMigrations });
       const store = await openLayerStore({ path: '${path}', database }, { backend: 'erofs' });
       const layer = (name) => store.writeLayer((w) => w.add({ path: name, kind: 'file' }));
       const [a, b] = [await layer('a'), await layer('b')];
       const snapshot = await store.createSnapshot({ id: 'kept', layers: [a.diffId, b.diffId], kind: 'container' });
       await snapshot.mount();
       await store.mountReadOnly([a.diffId, b.diffId]);
       void store.unpack({ kind: 'stream', stream: new Readable({ read() {} }), compression: 'none' });
       setTimeout(() => console.log('ready'), 100);
       setInterval(() => undefined, 1000);`,
    );
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readdirSync(join(path, 'layers'))).toHaveLength(3);
    expect(mountsBelow(path)).toHaveLength(4);
    const { openDatabase } = await import('#database');
    const { layersMigrations, openLayerStore } = await import('./index.ts');
    const database = await openDatabase({ path: join(path, 'lade.db'), migrations: layersMigrations });
    const store = await openLayerStore({ path, database }, { backend: 'erofs' });
    expect(readdirSync(join(path, 'layers'))).toHaveLength(2);
    expect(mountsBelow(path)).toHaveLength(3);
    const snapshot = store.snapshot('kept')!;
    expect(snapshot.mounted).toBe(true);
    expect(readdirSync(await snapshot.mount())).toEqual(['a', 'b']);
    await snapshot.remove();
    await store[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    expect(mountsBelow(path)).toEqual([]);
    rmSync(path, { recursive: true });
  });
});
