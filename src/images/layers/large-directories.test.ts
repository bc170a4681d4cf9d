import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TarSource } from '#tar';
import { listTree, unpackEntries } from './testing.ts';
import { formsHere } from './testing/forms.ts';
import { sharedStore } from './testing/shared-store.ts';
import { dir, file, gone, hard, root, T } from './testing/sources.ts';

const COUNT = 65_000;
const nameOf = (i: number): string => `${(i * 7919) % COUNT}-${'n'.repeat(i % 40)}`;

describe.each(formsHere())('%s: large directories', { timeout: 300_000 }, (backend) => {
  const shared = sharedStore(backend);

  test('65,000 names, of which the next layer takes some and adds some', async () => {
    const entries = Array.from({ length: COUNT }, (_, i): TarSource =>
      i % 3 === 0
        ? hard(`many/${nameOf(i)}`, 'one')
        : file(`many/${nameOf(i)}`, i % 100 === 1 ? String(i) : ''),
    );
    const below = await unpackEntries(shared.store, [
      root,
      file('one', '1'),
      dir('many', { mode: 0o710 }),
      ...entries,
    ]);
    const hidden = Array.from({ length: 65 }, (_, i) => gone(`many/${nameOf(i * 1000)}`));
    const above = await unpackEntries(shared.store, [...hidden, file('many/added', 'a')]);
    await using view = await shared.store.mountReadOnly([below, above]);
    const path = join(view.path, 'many');
    const wanted = new Set(
      Array.from({ length: COUNT }, (_, i) => nameOf(i)).filter((_, i) => i % 1000 !== 0),
    );
    wanted.add('added');
    const found = readdirSync(path);
    expect(found).toHaveLength(wanted.size);
    expect(found.every((name) => wanted.has(name))).toBe(true);
    for (let i = 1; i < COUNT; i += 997) {
      const stats = lstatSync(join(path, nameOf(i)), { bigint: true });
      expect([stats.isFile(), stats.mtimeNs, stats.nlink > 1n]).toEqual([true, T, i % 3 === 0]);
      if (i % 100 === 1 && i % 3 !== 0) expect(readFileSync(join(path, nameOf(i)), 'utf8')).toBe(String(i));
    }
    expect(lstatSync(path).mode & 0o7777).toBe(0o710);
    expect(lstatSync(join(path, nameOf(1000)), { throwIfNoEntry: false })).toBeUndefined();
  });

  test('paths that are longer than the kernel takes are refused, and can be removed', async () => {
    const layers = [await unpackEntries(shared.store, [root, dir('d')])];
    const snapshot = await shared.store.createSnapshot({ id: 'deep', layers, kind: 'build' });
    const path = await snapshot.mount();
    mkdirSync(join(path, 'd/e'));
    // 40 directories of 200 bytes: step by step, as a program that changes into each may do.
    const name = 'x'.repeat(200);
    const program = `for (let i = 0; i < 40; i++) { fs.mkdirSync('${name}'); process.chdir('${name}'); }`;
    execFileSync(process.execPath, ['-e', program], { cwd: join(path, 'd/e') });
    await expect(snapshot.changes()).rejects.toMatchObject({ kind: 'unsupported' });
    await expect(snapshot.commit()).rejects.toMatchObject({ kind: 'unsupported' });
    expect((await snapshot.usage()).bytes).toBe(0);
    await snapshot.remove();
    expect(readdirSync(join(shared.path, 'snapshots'))).toEqual([]);
    expect(listTree(join(shared.path, 'snapshots'))).toHaveLength(1);
  });
});
