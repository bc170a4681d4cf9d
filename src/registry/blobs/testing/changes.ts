import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { read } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { digestOf, type Digest } from '#oci';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BlobContent, BlobDriver } from '../types.ts';

const readFd = promisify(read);

/** All bytes of opened content, whichever way it is given. */
const bytesOf = async (content: BlobContent): Promise<Buffer> => {
  if (content.kind === 'bytes') return Buffer.from(content.bytes);
  if (content.kind === 'stream') return buffer(content.stream);
  const { fd, start, end } = content.region;
  const bytes = Buffer.alloc(end - start);
  const { bytesRead } = await readFd(fd, bytes, 0, bytes.length, start);
  return bytes.subarray(0, bytesRead);
};

const digestBy = (bytes: Uint8Array): Digest =>
  digestOf('sha256', createHash('sha256').update(bytes).digest('hex'));

async function* pieces(...chunks: readonly (Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    if (chunk instanceof Error) throw chunk;
    yield chunk;
  }
}

/** What every blob driver must do while several things happen to it at once, and after it was killed. */
export const blobChangesSuite = (name: string, open: (place: string) => Promise<BlobDriver>): void => {
  describe(`blob driver ${name}, while things change`, () => {
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

    const push = async (bytes: Uint8Array): Promise<Digest> => {
      const { id } = await driver.createUpload('a/b', 'sha256');
      await driver.appendUpload(id, pieces(bytes));
      await driver.commitUpload(id, digestBy(bytes));
      return digestBy(bytes);
    };

    const opened = async (digest: Digest, range?: { start: number; end: number }): Promise<Buffer> => {
      await using content = await driver.open(digest, range);
      return await bytesOf(content);
    };

    const listed = async (): Promise<readonly Digest[]> => {
      const digests: Digest[] = [];
      for await (const { digest } of driver.list()) digests.push(digest);
      return digests;
    };

    test.each([0, 1, 5_000, 32_769, 300_000, 2_000_000])(
      'opens %i bytes, and parts of them',
      async (size) => {
        const bytes = randomBytes(size);
        const digest = await push(bytes);
        for (let round = 0; round < 2; round += 1) {
          expect(await opened(digest)).toEqual(bytes);
          expect(await opened(digest, { start: 0, end: size })).toEqual(bytes);
          expect(await opened(digest, { start: size >> 1, end: size })).toEqual(bytes.subarray(size >> 1));
          expect(await opened(digest, { start: 0, end: 0 })).toHaveLength(0);
        }
      },
    );

    test.each([500, 2_000_000])('%i bytes that are open stay whole when they are removed', async (size) => {
      const bytes = randomBytes(size);
      const digest = await push(bytes);
      await opened(digest);
      const content = await driver.open(digest);
      await driver.remove(digest);
      expect(await bytesOf(content)).toEqual(bytes);
      await content[Symbol.asyncDispose]();
      await expect(driver.open(digest)).rejects.toMatchObject({ code: 'BLOBS_UNKNOWN' });
      expect(await driver.stat(digest)).toBeUndefined();
      expect(await opened(await push(bytes))).toEqual(bytes);
    });

    test('what is read while it is removed is whole or unknown, and unknown from then on', async () => {
      for (let round = 0; round < 30; round += 1) {
        const bytes = randomBytes(100);
        const digest = await push(bytes);
        const reads = Array.from({ length: 4 }, () =>
          opened(digest).catch((error: unknown) => (error as { readonly code: unknown }).code),
        );
        await driver.remove(digest);
        for (const seen of await Promise.all(reads)) expect([bytes, 'BLOBS_UNKNOWN']).toContainEqual(seen);
        await expect(driver.open(digest)).rejects.toMatchObject({ code: 'BLOBS_UNKNOWN' });
      }
    });

    test('the same content committed twice at once is one blob', async () => {
      const bytes = randomBytes(100_000);
      const digest = digestBy(bytes);
      await Promise.all(Array.from({ length: 8 }, () => push(bytes)));
      expect(await listed()).toEqual([digest]);
      expect(await opened(digest)).toEqual(bytes);
    });

    test('one bad commit among many spoils no other', async () => {
      const contents = Array.from({ length: 12 }, () => randomBytes(3_000));
      const bad = (async () => {
        const { id } = await driver.createUpload('a/b', 'sha256');
        await driver.appendUpload(id, pieces(Buffer.from('this')));
        await driver.commitUpload(id, digestBy(Buffer.from('that')));
      })();
      const good = Promise.all(contents.map(push));
      await expect(bad).rejects.toMatchObject({ code: 'BLOBS_DIGEST_INVALID' });
      await good;
      expect((await listed()).toSorted()).toEqual(contents.map(digestBy).toSorted());
    });

    test('lists each blob once that is there from the beginning to the end', async () => {
      const [staying, going] = await Promise.all(
        [60, 60].map((count) => Promise.all(Array.from({ length: count }, () => push(randomBytes(20))))),
      );
      const seen: Digest[] = [];
      for await (const { digest } of driver.list()) {
        seen.push(digest);
        const gone = going?.pop();
        if (gone !== undefined) await driver.remove(gone);
        if (seen.length % 20 === 0) await push(randomBytes(20));
      }
      expect(seen.filter((digest) => staying?.includes(digest)).toSorted()).toEqual(staying?.toSorted());
      expect(new Set(seen).size).toBe(seen.length);
    });

    test('what an abort cut off goes on where it was', async () => {
      const bytes = randomBytes(1_500_000);
      const { id } = await driver.createUpload('a/b', 'sha256');
      for (let at = 0; at < bytes.length; at += 500_000) {
        const source = pieces(bytes.subarray(at, at + 500_000), new DOMException('gone', 'AbortError'));
        await expect(driver.appendUpload(id, source)).rejects.toThrow('gone');
        expect(await driver.upload(id)).toMatchObject({ size: at + 500_000 });
      }
      expect(await driver.commitUpload(id, digestBy(bytes))).toEqual({ size: bytes.length });
    });

    test('nobody ends a session that is being written', async () => {
      const { id } = await driver.createUpload('a/b', 'sha256');
      const gate = Promise.withResolvers<void>();
      const writing = driver.appendUpload(
        id,
        (async function* () {
          yield Buffer.from('a');
          await gate.promise;
        })(),
      );
      await expect.poll(async () => (await driver.upload(id))?.size).toBe(1);
      const busy = { code: 'BLOBS_UPLOAD_BUSY' };
      await expect(driver.commitUpload(id, digestBy(Buffer.from('a')))).rejects.toMatchObject(busy);
      await expect(driver.removeUpload(id)).rejects.toMatchObject(busy);
      expect(await driver.sweepUploads(Date.now() + 60_000)).toBe(0);
      gate.resolve();
      await writing;
      await driver.commitUpload(id, digestBy(Buffer.from('a')));
    });

    test('after a kill every blob is there, and every session as far as it was told', async () => {
      const bytes = randomBytes(900_000);
      const blob = await push(bytes);
      const begun = await driver.createUpload('c/d', 'sha256');
      const half = await driver.createUpload('c/d', 'sha512');
      await driver.appendUpload(half.id, pieces(bytes.subarray(0, 600_000)));
      // A killed process disposes nothing.
      await using after = await open(place);
      expect(await after.stat(blob)).toEqual({ size: bytes.length });
      expect(await after.upload(begun.id)).toEqual(begun);
      expect(await after.upload(half.id)).toEqual({ ...half, size: 600_000 });
      await after.appendUpload(half.id, pieces(bytes.subarray(600_000)));
      await after.commitUpload(half.id, blob);
      expect(await after.upload(half.id)).toBeUndefined();
    });

    test('tells which chunks it no longer needs', async () => {
      const chunks = Array.from({ length: 20 }, () => randomBytes(70_000));
      const used: Uint8Array[] = [];
      const { id } = await driver.createUpload('a/b', 'sha256');
      await driver.appendUpload(id, pieces(...chunks), { used: (chunk) => void used.push(chunk) });
      expect(used).toEqual(chunks);
    });
  });
};
