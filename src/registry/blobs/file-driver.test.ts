import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { digestOf, type Digest } from '#oci';
import { mount, umount } from '#sys';
import { afterAll, describe, expect, test } from 'vitest';
import { createFileDriver } from './file-driver.ts';
import { blobChangesSuite } from './testing/changes.ts';
import { blobDriverSuite } from './testing.ts';
import type { BlobDriver } from './types.ts';

blobDriverSuite('files', createFileDriver);
blobChangesSuite('files', createFileDriver);

const mountPoint = mkdtempSync(join(tmpdir(), 'lade-small-disk-'));

const mounted = ((): boolean => {
  try {
    mount('tmpfs', mountPoint, 'tmpfs', 0, 'size=2m');
    return true;
  } catch {
    return false;
  }
})();

afterAll(() => {
  if (mounted) umount(mountPoint, { detach: true });
  rmSync(mountPoint, { recursive: true, force: true });
});

const push = async (driver: BlobDriver, bytes: Buffer): Promise<Digest> => {
  const digest = digestOf('sha256', createHash('sha256').update(bytes).digest('hex'));
  const { id } = await driver.createUpload('a', 'sha256');
  await driver.appendUpload(id, Readable.from([bytes]));
  await driver.commitUpload(id, digest);
  return digest;
};

test.each([100, 300_000])('a push of %i bytes mends a stored file that was cut', async (size) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-cut-'));
  await using driver = await createFileDriver(folder.path);
  const bytes = randomBytes(size);
  const digest = await push(driver, bytes);
  const [, hex = ''] = digest.split(':');
  const path = join(folder.path, 'blobs', 'sha256', hex.slice(0, 2), hex);
  chmodSync(path, 0o644);
  truncateSync(path, size - 1);
  {
    await using content = await driver.open(digest);
    expect(content.kind).toBe(size === 100 ? 'bytes' : 'region');
  }
  await push(driver, bytes);
  expect(await driver.verify(digest)).toBe('whole');
  await using content = await driver.open(digest, { start: 0, end: 100 });
  expect(content).toMatchObject({ kind: 'bytes', bytes: bytes.subarray(0, 100) });
});

describe.skipIf(!mounted)(mounted ? 'on a small disk' : 'on a small disk (needs a tmpfs)', () => {
  test('what does not fit is refused, what did counts, and there is room again afterwards', async () => {
    await using driver = await createFileDriver(mountPoint);
    const kept = await push(driver, randomBytes(200_000));
    const { id } = await driver.createUpload('a', 'sha256');
    const chunks = Array.from({ length: 40 }, () => randomBytes(100_000));
    await expect(driver.appendUpload(id, Readable.from(chunks))).rejects.toMatchObject({ code: 'ENOSPC' });
    const { size } = (await driver.upload(id)) ?? { size: -1 };
    expect(size).toBeGreaterThanOrEqual(0);
    expect(size).toBeLessThan(2_000_000);
    await using reader = await driver.openUpload(id);
    expect(await reader.read(0, size)).toEqual(Buffer.concat(chunks).subarray(0, size));
    await driver.removeUpload(id);
    expect(readdirSync(join(mountPoint, 'uploads', 'a'))).toEqual([]);
    await reader[Symbol.asyncDispose]();
    await push(driver, randomBytes(1_000_000));
    expect(await driver.stat(kept)).toEqual({ size: 200_000 });
  });
});
