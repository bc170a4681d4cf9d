import { lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asDiffId, digestOf, type DiffId } from '#oci';
import { mountsBelow } from './mount-table.ts';
import { listLayers, listTree, sha256, unpackEntries } from './testing.ts';
import { sharedStore } from './testing/shared-store.ts';
import { formsHere } from './testing/forms.ts';
import { dir, file, T } from './testing/sources.ts';

const diffIdOf = (bytes: Uint8Array): DiffId => asDiffId(digestOf('sha256', sha256(bytes)));

describe.each(formsHere())('%s: snapshots', (backend) => {
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

  test('show the layers, keep what is written, and one device number for all', async () => {
    const layers = [await base(), await unpackEntries(shared.store, [file('etc/more', 'm')])];
    const snapshot = await shared.store.createSnapshot({ id: 'one', layers, kind: 'container' });
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
      readFileSync('/proc/self/mountinfo')
        .toString()
        .split('\n')
        .find((line) => line.includes(` ${path} `)) ?? '';
    const kept = await shared.store.createSnapshot({ id: 'kept', layers, kind: 'container' });
    expect(options(await kept.mount())).not.toContain('volatile');
    const brief = await shared.store.createSnapshot({
      id: 'brief',
      layers,
      kind: 'container',
      ephemeral: true,
    });
    expect(options(await brief.mount())).toContain('volatile');
    writeFileSync(join(brief.mergedPath, 'etc/written'), 'w');
    await brief.unmount();
    expect(options(await brief.mount())).toContain('volatile');
    expect(readFileSync(join(brief.mergedPath, 'etc/written'), 'utf8')).toBe('w');
  });

  const existing = (path: string): string[] => readdirSync(path);

  test('without layers start empty', async () => {
    const snapshot = await shared.store.createSnapshot({ id: 'scratch', layers: [], kind: 'build' });
    const path = await snapshot.mount();
    expect(readdirSync(path)).toEqual([]);
    expect(await snapshot.changes()).toEqual([]);
    expect(await snapshot.commit()).toBeUndefined();
    writeFileSync(join(path, 'first'), '1');
    const info = await snapshot.commit();
    expect((await listLayers(shared.store, [info!.diffId])).slice(1)).toEqual(listTree(path).slice(1));
  });

  test('are found again, mounted or not, by the next process', async () => {
    const layers = [await base()];
    const first = await shared.store.createSnapshot({ id: 'kept', layers, kind: 'container' });
    await shared.store.createSnapshot({ id: 'idle', layers, kind: 'container' });
    writeFileSync(join(await first.mount(), 'etc/w'), 'w');
    await shared.reopen();
    expect(
      shared.store
        .snapshots()
        .map(({ id, mounted }) => `${id} ${mounted}`)
        .toSorted(),
    ).toEqual(['idle false', 'kept true']);
    const again = shared.store.snapshot('kept')!;
    expect(readFileSync(join(await again.mount(), 'etc/w'), 'utf8')).toBe('w');
    await again.remove();
    expect(shared.store.snapshot('kept')).toBeUndefined();
  });

  test('hold their layers', async () => {
    const diffId = await base();
    const snapshot = await shared.store.createSnapshot({ id: 'c', layers: [diffId], kind: 'container' });
    await snapshot.mount();
    await expect(shared.store.remove(diffId)).rejects.toMatchObject({ kind: 'conflict' });
    await snapshot.remove();
    await shared.store.remove(diffId);
    await shared.store.remove(diffId);
    expect(shared.store.list()).toEqual([]);
    expect(readdirSync(join(shared.path, 'layers'))).toEqual([]);
    expect(mountsBelow(shared.path)).toEqual([]);
  });

  test('refuse a bad name, a used one and an absent layer', async () => {
    await expect(
      shared.store.createSnapshot({ id: '../x', layers: [], kind: 'build' }),
    ).rejects.toMatchObject({
      kind: 'invalid-argument',
    });
    await shared.store.createSnapshot({ id: 'x', layers: [], kind: 'build' });
    await expect(shared.store.createSnapshot({ id: 'x', layers: [], kind: 'build' })).rejects.toMatchObject({
      kind: 'already-exists',
    });
    const layers = [diffIdOf(Buffer.from('absent'))];
    await expect(shared.store.createSnapshot({ id: 'y', layers, kind: 'build' })).rejects.toMatchObject({
      kind: 'not-found',
    });
    expect(existing(join(shared.path, 'snapshots'))).toEqual(['x']);
  });
});
