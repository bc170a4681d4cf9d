import { mkdtempSync, readdirSync, existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lgetXattr } from '#sys';
import { isLadeError } from '#errors';
import { createTarParser, encodeTarHeader, type TarEntry, type TarSource } from '#tar';
import { Readable } from 'node:stream';
import { escapingArchives, makeOutside } from '../../base/tar/testing.ts';
import { openEntryBudget } from './entry-budget.ts';
import { layerErrors } from './errors.ts';
import { listLayers, unpackEntries } from './testing.ts';
import { sharedStore } from './testing/shared-store.ts';
import { formsHere } from './testing/forms.ts';
import { dir, file, link, root } from './testing/sources.ts';

/** An entry with 60 KB of attributes. */
const heavyEntry = (): TarEntry => {
  const found: TarEntry[] = [];
  const xattrs = new Map([['user.x', Buffer.alloc(60_000)]]);
  createTarParser({ onEntry: (entry) => found.push(entry) }).feed(
    encodeTarHeader({ path: 'f', kind: 'file', xattrs }),
  );
  const [entry] = found;
  if (entry === undefined) throw new Error('no entry');
  return entry;
};

describe.each(formsHere())('%s: hostile layers', (backend) => {
  const shared = sharedStore(backend);

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
      const diffId = await unpackEntries(shared.store, sources);
      await shared.store.prepare([diffId]);
    };
    await expect(outcome()).rejects.toMatchObject({ kind: 'corrupt' });
  });

  test('links out of the root lead nowhere but inside it', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'lade-outside-'));
    const ids = [
      await unpackEntries(shared.store, [
        root,
        { path: 'abs', kind: 'symlink', linkName: outside },
        { path: 'up', kind: 'symlink', linkName: '../../../../../../../../../..' },
        file('abs/one', '1'),
      ]),
      await unpackEntries(shared.store, [file('abs/two', '2'), file(`up${outside}/three`, '3')]),
    ];
    await using view = await shared.store.mountReadOnly(ids);
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
      await unpackEntries(shared.store, [root, dir('d'), file('d/below', 'b'), file('e', 'e')]),
      await unpackEntries(shared.store, [
        dir('d', { xattrs: steer }),
        { path: 'e', kind: 'char', major: 0, minor: 0 },
      ]),
    ];
    await using view = await shared.store.mountReadOnly(ids);
    expect(readdirSync(join(view.path, 'd'))).toEqual(['below']);
    expect(existsSync(join(view.path, 'e'))).toBe(false);
    expect(lgetXattr(join(view.path, 'd'), 'user.fine')?.toString()).toBe('y');
    expect(lgetXattr(join(view.path, 'd'), 'user.overlay.opaque')).toBeUndefined();
  });

  describe('archives that try to reach what is outside', () => {
    test.each(Object.keys(escapingArchives('/')))('%s', async (name) => {
      using outside = makeOutside();
      const bytes = escapingArchives(outside.path)[name] ?? Buffer.alloc(0);
      // Above a layer that has links to the outside already, too.
      const links = [
        root,
        link('l', outside.path),
        link('d', outside.path),
        link('f', `${outside.path}/secret`),
      ];
      for (const below of [[], [await unpackEntries(shared.store, links)]]) {
        try {
          const source = { kind: 'stream', stream: Readable.from([bytes]), compression: 'none' } as const;
          const { diffId } = await shared.store.unpack(source, { below });
          await listLayers(shared.store, [...below, diffId]);
        } catch (error) {
          expect(isLadeError(error, 'corrupt'), String(error)).toBe(true);
        }
        expect(outside.touched()).toBe('');
      }
    });
  });

  test('a layer of many attributes is refused before it takes the memory', () => {
    using budget = openEntryBudget();
    const entry = heavyEntry();
    const take = (): void => {
      for (let i = 0; i < 1_000_000; i++) budget.take(entry);
    };
    expect(take).toThrow(expect.objectContaining({ code: layerErrors.tooManyEntries.code }));
    budget[Symbol.dispose]();
    expect(() => budget.take(entry)).not.toThrow();
  });

  test('layers of many files at a time are told to wait', () => {
    const entry = heavyEntry();
    using one = openEntryBudget();
    using two = openEntryBudget();
    for (let i = 0; i < 17_000; i++) one.take(entry);
    const take = (): void => {
      for (let i = 0; i < 17_000; i++) two.take(entry);
    };
    expect(take).toThrow(expect.objectContaining({ code: layerErrors.tooMuchAtOnce.code }));
  });
});
