import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  constants,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type DiffId } from '#oci';
import { errnoOf, lgetXattr, lsetXattr, mknod } from '#sys';
import { decodeName } from '#tar';
import { listLayers, listTree, openTestStore, unpackEntries } from './testing.ts';
import { sharedStore } from './testing/shared-store.ts';
import { formsHere } from './testing/forms.ts';
import { dir, file, root, T } from './testing/sources.ts';

const S_IFSOCK = 0o140000;

describe.each(formsHere())('%s: what changed in a snapshot', (backend) => {
  const shared = sharedStore(backend);

  const base = (): Promise<DiffId> =>
    unpackEntries(shared.store, [
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
    const snapshot = await shared.store.createSnapshot({
      id: 'c',
      layers: [await base()],
      kind: 'container',
    });
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
    const snapshot = await shared.store.createSnapshot({ id: 'c', layers, kind: 'build' });
    const path = await snapshot.mount();
    change(path);
    const info = await snapshot.commit();
    const merged = listTree(path).slice(1);
    expect((await listLayers(shared.store, [...layers, info!.diffId])).slice(1)).toEqual(merged);
    expect(await snapshot.commit()).toEqual(info);
    const other = await openTestStore(backend === 'erofs' ? 'directories' : 'erofs');
    for (const diffId of [...layers, info!.diffId])
      await other.store.unpack(
        { kind: 'file', path: shared.store.tarPath(diffId), compression: 'none' },
        { expected: diffId },
      );
    expect((await listLayers(other.store, [...layers, info!.diffId])).slice(1)).toEqual(merged);
    await other[Symbol.asyncDispose]();
    const listing = execFileSync('tar', ['-tf', shared.store.tarPath(info!.diffId)])
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
      await unpackEntries(shared.store, [
        root,
        dir(directory, { xattrs: x }),
        file(`${directory}/f`, 'f', { xattrs: x }),
        { path: `${directory}/${decodeName(Buffer.of(0xfd))}`, kind: 'fifo', mtimeNs: T },
        dir(whole),
        file(`${whole}/hidden`, 'h'),
      ]),
    ];
    const snapshot = await shared.store.createSnapshot({ id: 'c', layers, kind: 'build' });
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
    const listed = await listLayers(shared.store, [...layers, info!.diffId]);
    expect(listed.slice(1)).toEqual(listTree(snapshot.mergedPath).slice(1));
    expect(listed.join('\n')).toMatch(/user\.more=7a(.|\n)*trusted\.note=00/);
  });

  test.each([true, false])(
    'bring attributes of the root itself where they changed (layers: %s)',
    async (some) => {
      const layers = some ? [await base(), await unpackEntries(shared.store, [file('etc/x', 'x')])] : [];
      const snapshot = await shared.store.createSnapshot({ id: 'c', layers, kind: 'build' });
      const path = await snapshot.mount();
      expect(await snapshot.commit()).toBeUndefined();
      chmodSync(path, 0o711);
      const info = await snapshot.commit();
      const above = await shared.store.createSnapshot({
        id: 'd',
        layers: [...layers, info!.diffId],
        kind: 'build',
      });
      expect(statSync(await above.mount()).mode & 0o7777).toBe(0o711);
      expect(statSync(above.mergedPath).uid).toBe(some ? 3 : 0);
    },
  );

  test('leave out what the runtime made', async () => {
    const snapshot = await shared.store.createSnapshot({ id: 'c', layers: [await base()], kind: 'build' });
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
      const snapshot = await shared.store.createSnapshot({ id, layers: [await base()], kind: 'build' });
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
    const snapshot = await shared.store.createSnapshot({ id: 'c', layers, kind: 'build' });
    const path = await snapshot.mount();
    expect(() => renameSync(join(path, 'usr'), join(path, 'moved'))).toThrow(/EXDEV/);
    execFileSync('mv', [join(path, 'usr'), join(path, 'moved')]);
    const info = await snapshot.commit();
    expect((await listLayers(shared.store, [...layers, info!.diffId])).slice(1)).toEqual(
      listTree(path).slice(1),
    );
  });

  test('sockets are shown, and left out of a layer; what they replaced is gone', async () => {
    const layers = [await base()];
    const snapshot = await shared.store.createSnapshot({ id: 'c', layers, kind: 'build' });
    const path = await snapshot.mount();
    rmSync(join(path, 'etc/keep'));
    for (const name of ['etc/keep', 'usr/new.sock']) mknod(join(path, name), S_IFSOCK | 0o755);
    const lines = (await snapshot.changes()).map(({ path: at, kind }) => `${kind[0]} ${at}`);
    expect(lines).toEqual(['m /etc', 'm /etc/keep', 'm /usr', 'a /usr/new.sock']);
    const info = await snapshot.commit();
    const listed = await listLayers(shared.store, [...layers, info!.diffId]);
    const without = listTree(path).filter((line) => !line.includes(' socket '));
    expect(listed).toEqual(without);
  });

  test('what a container does to steer the kernel stays in the container', async () => {
    const layers = [await base()];
    const snapshot = await shared.store.createSnapshot({ id: 'c', layers, kind: 'build' });
    const path = await snapshot.mount();
    // Devices 0/0 are the kernel's own; attributes are escaped by it (trusted.overlay.overlay.*), or refused.
    expect(() => mknod(join(path, 'etc/white'), constants.S_IFCHR)).toThrow(/EPERM/);
    for (const name of [
      'trusted.overlay.opaque',
      'trusted.overlay.redirect',
      'trusted.overlay.overlay.opaque',
      'user.overlay.opaque',
    ])
      try {
        lsetXattr(join(path, 'etc'), name, Buffer.from(name.endsWith('redirect') ? '/usr' : 'y'));
      } catch (error) {
        expect(errnoOf(error)).toMatch(/EPERM|EOPNOTSUPP|ENOTSUP/);
      }
    linkSync(join(path, 'etc/hosts'), join(path, 'etc/linked'));
    expect(readdirSync(join(path, 'etc')).sort()).toEqual(['hosts', 'keep', 'linked']);
    await snapshot.unmount();
    await snapshot.mount();
    expect(readdirSync(join(path, 'etc')).sort()).toEqual(['hosts', 'keep', 'linked']);
    const info = await snapshot.commit();
    const tar = readFileSync(shared.store.tarPath(info!.diffId)).toString('latin1');
    expect(tar).not.toMatch(/overlay/);
    await using view = await shared.store.mountReadOnly([...layers, info!.diffId]);
    expect(readdirSync(join(view.path, 'etc')).sort()).toEqual(['hosts', 'keep', 'linked']);
  });
});
