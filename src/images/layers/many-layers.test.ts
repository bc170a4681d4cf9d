import { mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DiffId } from '#oci';
import { umount } from '#sys';
import { layerErrors } from './errors.ts';
import { mountOverlay, mountOverlayByText } from './overlay.ts';
import { openTestStore } from './testing.ts';

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
