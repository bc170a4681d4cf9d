import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { parseReference, type Digest } from '#oci';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRegistryClient, type RegistryClient, type RemoteRepository } from './index.ts';
import {
  hasDockerRegistry,
  sha256,
  startDockerRegistry,
  startOwnRegistry,
  type TestRegistry,
} from './testing.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';

const peers: readonly (readonly [string, () => Promise<TestRegistry>, boolean])[] = [
  ['own registry', startOwnRegistry, true],
  ["Debian's docker-registry", startDockerRegistry, hasDockerRegistry],
];

describe.each(peers)('against %s', (_name, start, present) => {
  describe.skipIf(!present)(present ? 'works' : 'works (needs docker-registry)', () => {
    let registry: TestRegistry;
    let client: RegistryClient;
    beforeAll(async () => {
      registry = await start();
      client = createRegistryClient();
    });
    afterAll(async () => {
      await client?.[Symbol.asyncDispose]();
      await registry?.[Symbol.asyncDispose]();
    });

    const repository = (name: string): RemoteRepository =>
      client.repository(parseReference(`${registry.host}/${name}`));

    const pushBytes = async (to: RemoteRepository, bytes: Buffer): Promise<Digest> => {
      const digest = sha256(bytes);
      await to.pushBlob({ digest, size: bytes.length }, () => Readable.from([bytes]));
      return digest;
    };

    const pushImage = async (to: RemoteRepository, tag: string, layer: Buffer) => {
      const config = Buffer.from('{"architecture":"amd64","os":"linux"}');
      const entry = async (bytes: Buffer, mediaType: string) => ({
        mediaType,
        digest: await pushBytes(to, bytes),
        size: bytes.length,
      });
      const bytes = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: OCI_IMAGE,
          config: await entry(config, 'application/vnd.oci.image.config.v1+json'),
          layers: [await entry(layer, 'application/vnd.oci.image.layer.v1.tar')],
        }),
      );
      return { bytes, descriptor: await to.pushManifest(tag, { bytes, mediaType: OCI_IMAGE }) };
    };

    test('pings', async () => {
      await client.ping(registry.host);
    });

    test.each([0, 2, 100_000, 5_000_000])('pushes and pulls a blob of %i bytes', async (size) => {
      const to = repository('blobs/sizes');
      const bytes = randomBytes(size);
      const digest = sha256(bytes);
      if (size > 2) expect(await to.hasBlob(digest)).toBe(false);
      const progress: number[] = [];
      const chunks = (): Readable => Readable.from([bytes.subarray(0, size / 2), bytes.subarray(size / 2)]);
      await to.pushBlob({ digest, size }, chunks, { onProgress: (sent) => void progress.push(sent) });
      expect(progress.at(-1) ?? 0).toBe(size);
      expect(await to.hasBlob(digest)).toBe(true);
      const blob = await to.blob(digest, { size });
      expect([blob.size, blob.partial]).toEqual([size, false]);
      expect(await buffer(blob.stream)).toEqual(bytes);
      if (size < 3) return;
      const tail = await to.blob(digest, { start: size - 2 });
      expect([tail.size, tail.partial, await buffer(tail.stream)]).toEqual([size, true, bytes.subarray(-2)]);
    });

    test('resolves by tag and digest, verified, and heads', async () => {
      const to = repository('images/app:v1');
      const { bytes, descriptor } = await pushImage(to, 'v1', randomBytes(1000));
      expect(await to.resolve()).toEqual({ descriptor, bytes });
      expect(await to.resolve(descriptor.digest)).toEqual({ descriptor, bytes });
      expect(await to.manifest(descriptor)).toEqual({ descriptor, bytes });
      expect(await to.head('v1')).toEqual(descriptor);
      expect(await to.head('v2')).toBeUndefined();
      await expect(to.manifest({ ...descriptor, size: 1 })).rejects.toMatchObject({ kind: 'corrupt' });
    });

    test('mounts, and uploads into the session that a missing source gives', async () => {
      const [from, to] = [repository('mount/from'), repository('mount/to')];
      const bytes = randomBytes(3000);
      const digest = await pushBytes(from, bytes);
      expect(await to.mountBlob(digest, 'mount/from')).toBe('mounted');
      expect(await buffer((await to.blob(digest)).stream)).toEqual(bytes);
      const other = randomBytes(2_000_000);
      expect(await to.mountBlob(sha256(other), 'mount/from')).toBe('upload-needed');
      expect(await pushBytes(to, other)).toBe(sha256(other));
    });

    test('lists tags and referrers, and removes', async () => {
      const to = repository('images/many');
      const { bytes, descriptor } = await pushImage(to, 'z', randomBytes(10));
      for (const tag of ['a', 'b']) await to.pushManifest(tag, { bytes, mediaType: OCI_IMAGE });
      expect((await to.tags()).toSorted()).toEqual(['a', 'b', 'z']);
      expect(await to.referrers(descriptor.digest)).toEqual([]);
      await to.remove(descriptor.digest);
      expect(await to.head('a')).toBeUndefined();
    });

    test('says what is missing', async () => {
      const to = repository('images/app:nope');
      await expect(to.resolve()).rejects.toMatchObject({
        code: 'DISTRIBUTION_MANIFEST_NOT_FOUND',
        message: `manifest for ${registry.host}/images/app:nope not found: manifest unknown`,
      });
      await expect(to.blob(sha256('none'))).rejects.toMatchObject({ kind: 'not-found' });
      await expect(repository('no/where').tags()).rejects.toMatchObject({
        code: 'DISTRIBUTION_REPOSITORY_NOT_FOUND',
      });
    });

    test('a source that breaks or lies fails the push, and nothing stays', async () => {
      const to = repository('blobs/bad');
      for (const size of [1000, 3_000_000]) {
        const bytes = randomBytes(size);
        const digest = sha256(bytes);
        const broken = (): Readable =>
          Readable.from(
            (function* () {
              yield bytes.subarray(0, 10);
              throw new Error('disk error');
            })(),
          );
        await expect(to.pushBlob({ digest, size }, broken)).rejects.toThrow('disk error');
        const short = (): Readable => Readable.from([bytes.subarray(1)]);
        await expect(to.pushBlob({ digest, size }, short)).rejects.toMatchObject({ kind: 'corrupt' });
        const other = (): Readable => Readable.from([Buffer.alloc(size)]);
        await expect(to.pushBlob({ digest, size }, other)).rejects.toMatchObject({
          code: 'DISTRIBUTION_REFUSED',
        });
        expect(await to.hasBlob(digest)).toBe(false);
      }
    });

    test('an abort stops a push and a pull', async () => {
      const to = repository('blobs/abort');
      const controller = new AbortController();
      const endless = Readable.from(
        (async function* () {
          yield Buffer.alloc(100_000);
          controller.abort();
          await new Promise((resolve) => setTimeout(resolve, 50));
          yield Buffer.alloc(100_000);
        })(),
      );
      const pushing = to.pushBlob({ digest: sha256('x'), size: 3_000_000 }, () => endless, {
        signal: controller.signal,
      });
      await expect(pushing).rejects.toMatchObject({ kind: 'cancelled' });
      const bytes = randomBytes(8_000_000);
      const digest = await pushBytes(to, bytes);
      const pull = new AbortController();
      const { stream } = await to.blob(digest, { signal: pull.signal });
      const reading = (async () => {
        for await (const _chunk of stream) pull.abort();
      })();
      await expect(reading).rejects.toMatchObject({ kind: 'cancelled' });
    });
  });
});

test('nobody there is one clear error, without another try', async () => {
  await using client = createRegistryClient({ retry: { backoffMs: 3_600_000, maxBackoffMs: 3_600_000 } });
  const pulling = client.repository(parseReference('127.0.0.1:9/a/b')).resolve();
  await expect(pulling).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringContaining('127.0.0.1:9'),
  });
});
