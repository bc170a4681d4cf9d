import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DiffId } from '#oci';
import { mknod, umount } from '#sys';
import { layerErrors } from './errors.ts';
import { mountsBelow } from './mount-table.ts';
import { mountOverlay, mountOverlayByText } from './overlay.ts';
import { openTestStore } from './testing.ts';
import { formsHere } from './testing/forms.ts';

const S_IFCHR = 0o020000;

describe.each(formsHere())('%s: many layers', (backend) => {
  test('500 stack, and 501 are refused with a reason', async () => {
    await using opened = await openTestStore(backend);
    const write = (i: number): Promise<{ readonly diffId: DiffId }> =>
      opened.store.writeLayer((w) => w.add({ path: `f${i}`, kind: 'file', mtimeNs: BigInt(i) }));
    const layers: DiffId[] = [];
    while (layers.length < 501) {
      const next = Array.from({ length: Math.min(32, 501 - layers.length) }, (_, i) =>
        write(layers.length + i),
      );
      layers.push(...(await Promise.all(next)).map((info) => info.diffId));
    }
    const whole = { id: 'many', layers: layers.slice(0, 500), kind: 'build' } as const;
    const snapshot = await opened.store.createSnapshot(whole);
    expect(readdirSync(await snapshot.mount())).toHaveLength(500);
    await snapshot.remove();
    const over = await opened.store.createSnapshot({ id: 'over', layers, kind: 'build' });
    await expect(over.mount()).rejects.toMatchObject({ code: layerErrors.tooManyLayers.code });
  }, 180_000);
});

describe('one page of options', () => {
  /** Directories in overlay's own form: each adds a file, replaces one, and hides what the one before it added. */
  const makeLowers = (path: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => {
      const lower = join(path, `${'long-'.repeat(20)}${i}`);
      mkdirSync(join(lower, 'd'), { recursive: true });
      writeFileSync(join(lower, 'd', `own-${i}`), String(i));
      writeFileSync(join(lower, 'same'), String(i));
      if (i > 0) mknod(join(lower, 'd', `own-${i - 1}`), S_IFCHR);
      return lower;
    });

  test.each([2, 127, 250, 400])('%i layers are mounted by both ways', (count) => {
    const path = mkdtempSync(join(tmpdir(), 'lade-text-'));
    try {
      const lowers = makeLowers(path, count);
      for (const name of ['upper', 'work', 'merged']) mkdirSync(join(path, name));
      const target = join(path, 'merged');
      const writable = { upper: join(path, 'upper'), work: join(path, 'work'), volatile: false };
      for (const mountIt of [mountOverlay, mountOverlayByText]) {
        mountIt({ lowers, target, writable });
        expect(mountsBelow(path)).toHaveLength(1);
        expect(readdirSync(join(target, 'd'))).toEqual([`own-${count - 1}`]);
        expect(readFileSync(join(target, 'same'), 'utf8')).toBe(String(count - 1));
        writeFileSync(join(target, 'd', 'written'), 'w');
        rmSync(join(target, 'd', 'written'));
        umount(target);
      }
      expect(readdirSync(path).filter((name) => name.endsWith('.lower'))).toEqual([]);
    } finally {
      rmSync(path, { recursive: true });
    }
  });
});
