import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mountsBelow } from './mount-table.ts';
import { listLayers, unpackEntries } from './testing.ts';
import { sharedStore } from './testing/shared-store.ts';
import { formsHere } from './testing/forms.ts';
import { dir, file, root } from './testing/sources.ts';

describe.each(formsHere())('%s', (backend) => {
  const shared = sharedStore(backend);

  test('a layer that occurs twice in a stack counts where it is on top', async () => {
    const a = await unpackEntries(shared.store, [root, file('f', 'a'), dir('d')]);
    const b = await unpackEntries(shared.store, [root, file('f', 'b'), file('g', 'b')]);
    await using view = await shared.store.mountReadOnly([a, b, a, a]);
    expect(readFileSync(join(view.path, 'f'), 'utf8')).toBe('a');
    expect(readFileSync(join(view.path, 'g'), 'utf8')).toBe('b');
  });

  test('a lost form is made again from the tar', async () => {
    const diffId = await unpackEntries(shared.store, [root, file('f', 'x')]);
    const folder = join(shared.path, 'layers', diffId.slice(7));
    for (const name of readdirSync(folder))
      if (name !== 'layer.tar') rmSync(join(folder, name), { recursive: true });
    await shared.reopen();
    expect(await listLayers(shared.store, [diffId])).toHaveLength(2);
  });

  test('forms are made again on demand; an index also while it is mounted in a stack', async () => {
    const diffId = await unpackEntries(shared.store, [root, file('f', 'x')]);
    const other = await unpackEntries(shared.store, [root, file('g', 'x')]);
    await using view = await shared.store.mountReadOnly([diffId, other]);
    expect(await shared.store.verifyForms(diffId)).toBe('whole');
    const folder = join(shared.path, 'layers', diffId.slice(7));
    const before = readdirSync(folder);
    await shared.store.remakeForms(diffId);
    expect(readdirSync(folder)).toEqual(before);
    expect(await shared.store.verifyForms(diffId)).toBe('whole');
    // Directories are never found damaged, and so not made again while they are used.
    if (backend === 'erofs') expect(readFileSync(join(view.path, 'f'), 'utf8')).toBe('x');
    expect(await listLayers(shared.store, [diffId])).toHaveLength(2);
  });

  test('a layer that is replaced has the files of its source', async () => {
    const diffId = await unpackEntries(shared.store, [root, file('f', 'x')]);
    const tar = join(shared.path, 'layers', diffId.slice(7), 'layer.tar');
    const copy = join(shared.path, 'copy.tar');
    copyFileSync(tar, copy);
    writeFileSync(tar, 'damaged');
    const away = join(shared.path, 'away');
    await shared.store.replace(diffId, { kind: 'file', path: copy, compression: 'none' }, away);
    expect(readFileSync(tar)).toEqual(readFileSync(copy));
    expect(readFileSync(join(away, 'layer.tar'), 'utf8')).toBe('damaged');
    rmSync(away, { recursive: true });
    rmSync(copy);
    expect(await listLayers(shared.store, [diffId])).toHaveLength(2);
  });

  test('a sweep deletes what has no record and forgets what has no files', async () => {
    const diffId = await unpackEntries(shared.store, [root, file('f', 'x')]);
    const lost = await unpackEntries(shared.store, [root, file('g', 'x')]);
    mkdirSync(join(shared.path, 'layers', '.tmp-left'));
    mkdirSync(join(shared.path, 'layers', 'a'.repeat(64)));
    mkdirSync(join(shared.path, 'snapshots', 'left'));
    rmSync(join(shared.path, 'layers', lost.slice(7)), { recursive: true });
    await shared.reopen();
    expect(shared.store.list().map((info) => info.diffId)).toEqual([diffId]);
    expect(readdirSync(join(shared.path, 'layers'))).toEqual([diffId.slice(7)]);
    expect(readdirSync(join(shared.path, 'snapshots'))).toEqual([]);
  });
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
       // One layer alone is seen where it is mounted, below no view.
       await store.mountReadOnly([(await layer('c')).diffId]);
       void store.unpack({ kind: 'stream', stream: new Readable({ read() {} }), compression: 'none' });
       setTimeout(() => console.log('ready'), 100);
       setInterval(() => undefined, 1000);`,
    );
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readdirSync(join(path, 'layers'))).toHaveLength(4);
    expect(mountsBelow(path)).toHaveLength(5);
    const { openDatabase } = await import('#database');
    const { layersMigrations, openLayerStore } = await import('./index.ts');
    const database = await openDatabase({ path: join(path, 'lade.db'), migrations: layersMigrations });
    const store = await openLayerStore({ path, database }, { backend: 'erofs' });
    expect(readdirSync(join(path, 'layers'))).toHaveLength(3);
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
