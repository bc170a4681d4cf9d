import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mount, umount } from '#sys';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startWireRegistry, type WireRegistry } from './testing.ts';

const mountPoint = mkdtempSync(join(tmpdir(), 'lade-full-'));

const mounted = ((): boolean => {
  try {
    mount('tmpfs', mountPoint, 'tmpfs', 0, 'size=6m');
    return true;
  } catch {
    return false;
  }
})();

afterAll(() => {
  if (mounted) umount(mountPoint, { detach: true });
  rmSync(mountPoint, { recursive: true, force: true });
});

describe.skipIf(!mounted)(mounted ? 'a full disk' : 'a full disk (needs a tmpfs)', () => {
  let wire: WireRegistry;
  beforeAll(async () => {
    wire = await startWireRegistry({}, join(mountPoint, 'root'));
  });
  afterAll(() => wire?.[Symbol.asyncDispose]());

  test('is said, nothing half-made stays, and what is there goes on working', async () => {
    const small = await wire.blob('a', 'small');
    const begun = await wire.call('POST', '/v2/a/blobs/uploads/');
    const full = await wire.call('PATCH', String(begun.headers.location), { body: Buffer.alloc(8_000_000) });
    expect([full.status, full.code]).toEqual([507, 'DENIED']);
    expect(full.text).toContain('no space left on device');
    expect(readdirSync(join(wire.root, 'uploads', 'a'))).toEqual([]);
    expect((await wire.call('GET', `/v2/a/blobs/${small}`)).text).toBe('small');
    await wire.blob('a', Buffer.alloc(1_000_000));
  });
});
