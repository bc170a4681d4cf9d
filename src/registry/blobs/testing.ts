import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, mkdtempDisposable, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { digestOf, type Digest } from '#oci';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlobDriver } from './types.ts';

/** The digest of bytes, by Node's hash. */
export const digestBy = (algorithm: 'sha256' | 'sha512', bytes: Uint8Array | string): Digest =>
  digestOf(algorithm, createHash(algorithm).update(bytes).digest('hex'));

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function* broken(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
  throw new Error('cut');
}

/** What every blob driver must do; `reopen` opens the same place again, as after a crash. */
export const blobDriverSuite = (name: string, open: (place: string) => Promise<BlobDriver>): void => {
  describe(`blob driver ${name}`, () => {
    let place: string;
    let driver: BlobDriver;
    beforeEach(async () => {
      place = await mkdtemp(join(tmpdir(), 'lade-driver-'));
      driver = await open(place);
    });
    afterEach(async () => {
      await driver[Symbol.asyncDispose]();
      await rm(place, { recursive: true, force: true });
    });

    const upload = async (bytes: Uint8Array, chunk = 65_536): Promise<string> => {
      const { id } = await driver.createUpload('a/b', 'sha256');
      await driver.appendUpload(id, chunked(bytes, chunk));
      return id;
    };

    test.each([0, 1, 70_000, 5_000_000])('publishes %i bytes and reads them back', async (size) => {
      const bytes = randomBytes(size);
      const digest = digestBy('sha256', bytes);
      const id = await upload(bytes);
      expect(await driver.stat(digest)).toBeUndefined();
      expect(await driver.commitUpload(id, digest)).toEqual({ size });
      expect(await driver.stat(digest)).toEqual({ size });
      expect(await buffer(await driver.read(digest))).toEqual(bytes);
      expect(await driver.upload(id)).toBeUndefined();
    });

    test('shows what an upload has taken while it grows, and after it became a blob', async () => {
      const bytes = randomBytes(200_000);
      const { id } = await driver.createUpload('a/b', 'sha256');
      await using reader = await driver.openUpload(id);
      expect(await reader.read(0, 10)).toHaveLength(0);
      await driver.appendUpload(id, chunked(bytes.subarray(0, 100_000), 10_000));
      expect(await reader.read(50_000, 100_000)).toEqual(bytes.subarray(50_000, 100_000));
      await driver.appendUpload(id, chunked(bytes.subarray(100_000), 10_000));
      await driver.commitUpload(id, digestBy('sha256', bytes));
      expect(await reader.read(0, 200_000)).toEqual(bytes);
      await expect(driver.openUpload(randomUUID())).rejects.toMatchObject({ code: 'BLOBS_UPLOAD_UNKNOWN' });
    });

    test('takes files over where blobs are files, but none that is something else', async () => {
      const { files } = driver;
      if (files === undefined) return;
      await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-files-'));
      const bytes = randomBytes(100_000);
      const digest = digestBy('sha256', bytes);
      const path = join(folder.path, 'x');
      await writeFile(path, bytes);
      const wrong = digestBy('sha256', 'other');
      await expect(files.take(path, wrong, { link: true })).rejects.toMatchObject({
        code: 'BLOBS_DIGEST_INVALID',
      });
      expect(await driver.stat(wrong)).toBeUndefined();
      expect(await files.take(path, digest, { link: true })).toMatch(/linked|copied/);
      expect(await files.take(path, digest, { link: false })).toBe('there');
      await files.give(digest, join(folder.path, 'deep', 'y'));
      expect(await readFile(join(folder.path, 'deep', 'y'))).toEqual(bytes);
      await driver.remove(digest);
      expect(await readFile(path)).toEqual(bytes);
    });

    test('appends in steps, keeps what came before a cut, and answers ranges', async () => {
      const bytes = randomBytes(3_000_000);
      const { id } = await driver.createUpload('a/b', 'sha256');
      await driver.appendUpload(id, chunked(bytes.subarray(0, 1_000_000), 10_000));
      await expect(driver.appendUpload(id, broken(bytes.subarray(1_000_000, 1_500_000)))).rejects.toThrow(
        'cut',
      );
      expect(await driver.upload(id)).toEqual({ id, repository: 'a/b', size: 1_500_000 });
      await driver.appendUpload(id, chunked(bytes.subarray(1_500_000), 700_001));
      const digest = digestBy('sha256', bytes);
      await driver.commitUpload(id, digest);
      const part = await buffer(await driver.read(digest, { start: 1_499_990, end: 1_500_010 }));
      expect(part).toEqual(bytes.subarray(1_499_990, 1_500_010));
      expect(await buffer(await driver.read(digest, { start: 5, end: 5 }))).toHaveLength(0);
    });

    test('an upload survives a restart, and its bytes are then hashed again', async () => {
      const bytes = randomBytes(3_000_000);
      const id = await upload(bytes.subarray(0, 2_500_000));
      await driver[Symbol.asyncDispose]();
      driver = await open(place);
      expect(await driver.upload(id)).toMatchObject({ repository: 'a/b', size: 2_500_000 });
      await driver.appendUpload(id, chunked(bytes.subarray(2_500_000), 65_536));
      expect(await driver.commitUpload(id, digestBy('sha256', bytes))).toEqual({ size: 3_000_000 });
    });

    test('refuses wrong content and ends that session', async () => {
      const id = await upload(Buffer.from('hello'));
      const wrong = digestBy('sha256', 'other');
      await expect(driver.commitUpload(id, wrong)).rejects.toMatchObject({ code: 'BLOBS_DIGEST_INVALID' });
      expect(await driver.stat(wrong)).toBeUndefined();
      expect(await driver.upload(id)).toBeUndefined();
      await expect(driver.commitUpload(id, wrong)).rejects.toMatchObject({ kind: 'not-found' });
    });

    test('takes sha512 also when the session was begun for sha256', async () => {
      const digest = digestBy('sha512', 'hello');
      const id = await upload(Buffer.from('hello'));
      await driver.commitUpload(id, digest);
      expect(String(await buffer(await driver.read(digest)))).toBe('hello');
    });

    test('the same content twice is one blob; lists and removes', async () => {
      const digest = digestBy('sha256', 'hello');
      for (let i = 0; i < 2; i += 1) await driver.commitUpload(await upload(Buffer.from('hello')), digest);
      const listed: unknown[] = [];
      for await (const entry of driver.list()) listed.push(entry);
      expect(listed).toMatchObject([{ digest, size: 5 }]);
      await driver.remove(digest);
      await driver.remove(digest);
      await expect(driver.read(digest)).rejects.toMatchObject({ code: 'BLOBS_UNKNOWN' });
    });

    test('reads stored bytes again, and moves them aside for ever', async () => {
      const bytes = randomBytes(700_000);
      const digest = digestBy('sha256', bytes);
      expect(await driver.verify(digest)).toBe('missing');
      await driver.commitUpload(await upload(bytes), digest);
      let read = 0;
      expect(await driver.verify(digest, { read: (count) => void (read += count) })).toBe('whole');
      expect(read).toBe(bytes.length);
      expect(await driver.quarantine(digest)).toBe(true);
      expect(await driver.quarantine(digest)).toBe(false);
      expect(await driver.stat(digest)).toBeUndefined();
      await driver.commitUpload(await upload(bytes), digest);
      expect(await driver.verify(digest)).toBe('whole');
    });

    test('one writer at a time', async () => {
      const { id } = await driver.createUpload('a/b', 'sha256');
      const gate = Promise.withResolvers<void>();
      const slow = async function* (): AsyncGenerator<Uint8Array> {
        yield Buffer.from('a');
        await gate.promise;
      };
      const first = driver.appendUpload(id, slow());
      await expect.poll(async () => (await driver.upload(id))?.size).toBe(1);
      await expect(driver.appendUpload(id, chunked(Buffer.from('b'), 1))).rejects.toMatchObject({
        code: 'BLOBS_UPLOAD_BUSY',
      });
      gate.resolve();
      await first;
      expect(await driver.upload(id)).toMatchObject({ size: 1 });
    });

    test('ids that are no ids are unknown, idle sessions are swept', async () => {
      for (const id of ['../../etc/passwd', '', randomUUID().toUpperCase()]) {
        await expect(driver.upload(id)).rejects.toMatchObject({ code: 'BLOBS_UPLOAD_UNKNOWN' });
      }
      expect(await driver.upload(randomUUID())).toBeUndefined();
      const id = await upload(Buffer.from('x'));
      expect(await driver.sweepUploads(Date.now() - 60_000)).toBe(0);
      expect(await driver.sweepUploads(Date.now() + 60_000)).toBe(1);
      expect(await driver.upload(id)).toBeUndefined();
    });
  });
};
