import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { parseReference, type Descriptor } from '#oci';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  copyImage,
  createRegistryClient,
  type CopyEvent,
  type RegistryClient,
  type RemoteRepository,
} from './index.ts';
import { sha256, startOwnRegistry, startScript, serveShelf, type TestRegistry } from './testing.ts';

const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';

let stack: AsyncDisposableStack;
let from: TestRegistry;
let to: TestRegistry;
let client: RegistryClient;
beforeAll(async () => {
  stack = new AsyncDisposableStack();
  [from, to] = [stack.use(await startOwnRegistry()), stack.use(await startOwnRegistry())];
  client = stack.use(createRegistryClient({ retry: { backoffMs: 5 } }));
});
afterAll(() => stack.disposeAsync());

const at = (registry: TestRegistry, name: string): RemoteRepository =>
  client.repository(parseReference(`${registry.host}/${name}`));

const pushBytes = async (repository: RemoteRepository, bytes: Buffer, mediaType: string) => {
  const descriptor = { mediaType, digest: sha256(bytes), size: bytes.length };
  await repository.pushBlob(descriptor, (start) => Readable.from([bytes.subarray(start)]));
  return descriptor;
};

const pushManifest = async (
  repository: RemoteRepository,
  mediaType: string,
  value: object,
): Promise<Descriptor> => {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...value }));
  return repository.pushManifest(sha256(bytes), { bytes, mediaType });
};

const pushImage = async (
  repository: RemoteRepository,
  architecture: string,
  layers: readonly Buffer[],
  more: object = {},
): Promise<Descriptor> => {
  const config = Buffer.from(JSON.stringify({ architecture, os: 'linux', rootfs: { diff_ids: [] } }));
  const parts = [];
  for (const layer of layers) parts.push(await pushBytes(repository, layer, LAYER));
  const manifest = { config: await pushBytes(repository, config, CONFIG), layers: parts, ...more };
  return { ...(await pushManifest(repository, IMAGE, manifest)), platform: { os: 'linux', architecture } };
};

const copying = async (source: RemoteRepository, target: RemoteRepository, more: object = {}) => {
  const events: CopyEvent[] = [];
  const copied = await copyImage({ source, target, ...more }, (event) => void events.push(event));
  const statuses = events.flatMap((event) =>
    event.kind === 'blob' && event.current === undefined ? [event.status] : [],
  );
  return { copied, statuses };
};

describe('a copy', () => {
  test('a digest that the content does not have is no name for it: nothing is sent', async () => {
    const source = at(from, 'promise/app:1');
    const image = await pushImage(source, 'amd64', [randomBytes(100)]);
    const named = at(from, `promise/app@${image.digest}`);
    const other = at(to, `promise/app@sha256:${'1'.repeat(64)}`);
    await expect(copyImage({ source: named, target: other })).rejects.toMatchObject({
      code: 'DISTRIBUTION_COPY_PROMISED',
    });
    await expect(at(to, `promise/app@${image.digest}`).resolve()).rejects.toMatchObject({
      kind: 'not-found',
    });
    await copyImage({ source: named, target: at(to, `promise/app@${image.digest}`) });
    expect((await at(to, `promise/app@${image.digest}`).resolve()).descriptor.digest).toBe(image.digest);
  });

  test('of an index has everything, byte for byte; the second finds it there; one repository mounts from another', async () => {
    const source = at(from, 'team/app:v1');
    const shared = randomBytes(3_000_000);
    const images = [
      await pushImage(source, 'amd64', [shared, randomBytes(10)]),
      await pushImage(source, 'arm64', [shared, randomBytes(11)]),
    ];
    const index = await pushManifest(source, INDEX, { manifests: images });
    await source.pushManifest('v1', { bytes: (await source.manifest(index)).bytes, mediaType: INDEX });

    const first = await copying(source, at(to, 'copy/app:v2'));
    expect(first.copied.digest).toBe(index.digest);
    expect(first.statuses).toEqual(Array.from({ length: 5 }, () => 'Copied'));
    const there = at(to, 'copy/app:v2');
    expect(await there.resolve()).toEqual(await source.resolve());
    for (const image of images) expect((await there.manifest(image)).descriptor.digest).toBe(image.digest);

    const second = await copying(source, at(to, 'copy/app:v3'));
    expect(new Set(second.statuses)).toEqual(new Set(['Already exists']));
    const mounted = await copying(at(to, 'copy/app:v3'), at(to, 'other/app:v3'));
    expect(new Set(mounted.statuses)).toEqual(new Set(['Mounted from copy/app']));

    const one = await copying(source, at(to, 'one/app:arm'), {
      platform: { os: 'linux', architecture: 'arm64' },
    });
    expect(one.copied.digest).toBe(images[1]?.digest);
    expect(one.statuses).toHaveLength(3);
    const none = copying(source, at(to, 'one/app:x'), { platform: { os: 'linux', architecture: 's390x' } });
    await expect(none).rejects.toMatchObject({ code: 'DISTRIBUTION_PLATFORM_MISSING' });
  });

  test('takes referrers along where that is asked for, those of referrers too', async () => {
    const source = at(from, 'signed/app');
    const image = await pushImage(source, 'amd64', [randomBytes(100)]);
    const { mediaType, digest, size } = image;
    const signature = await pushImage(source, 'none', [randomBytes(20)], {
      subject: { mediaType, digest, size },
    });
    const { platform: _none, ...about } = signature;
    const countersigned = await pushImage(source, 'nobody', [randomBytes(21)], { subject: about });
    const reference = at(from, `signed/app@${digest}`);

    await copying(reference, at(to, 'bare/app:v1'));
    expect(await at(to, 'bare/app').referrers(digest)).toEqual([]);
    await copying(reference, at(to, 'signed/app:v1'), { referrers: true });
    const target = at(to, 'signed/app');
    expect((await target.referrers(digest)).map((each) => each.digest)).toEqual([signature.digest]);
    expect((await target.referrers(signature.digest)).map((each) => each.digest)).toEqual([
      countersigned.digest,
    ]);
  });

  test('leaves foreign layers where they are', async () => {
    const source = at(from, 'windows/app');
    const config = await pushBytes(source, Buffer.from('{"architecture":"amd64","os":"windows"}'), CONFIG);
    const foreign = {
      mediaType: FOREIGN,
      digest: sha256('far away'),
      size: 8,
      urls: ['https://elsewhere.example/x'],
    };
    const image = await pushManifest(source, IMAGE, { config, layers: [foreign] });
    const { statuses } = await copying(at(from, `windows/app@${image.digest}`), at(to, 'windows/app:v1'));
    expect(statuses.toSorted()).toEqual(['Copied', 'Foreign layer stays']);
  });

  test('of bytes that are others than the manifest says leaves nothing under the tag', async () => {
    const layer = randomBytes(2_000_000);
    const wrong = Buffer.from(layer);
    wrong[1_999_999] = (wrong[1_999_999] ?? 0) ^ 1;
    const config = Buffer.from('{}');
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: IMAGE,
        config: { mediaType: CONFIG, digest: sha256(config), size: config.length },
        layers: [{ mediaType: LAYER, digest: sha256(layer), size: layer.length }],
      }),
    );
    await using liar = await startScript(
      serveShelf(
        new Map([
          ['v1', { bytes: manifest, mediaType: IMAGE }],
          [sha256(config), { bytes: config }],
          [sha256(layer), { bytes: wrong }],
        ]),
      ),
    );
    const target = at(to, 'wrong/app:v1');
    await expect(copying(at(liar, 'a/b:v1'), target)).rejects.toMatchObject({
      code: 'DISTRIBUTION_DIGEST_MISMATCH',
    });
    expect(await target.head('v1')).toBeUndefined();
    expect(await target.hasBlob(sha256(layer))).toBe(false);
  });

  test('goes on by ranges when the source cuts', async () => {
    const layer = randomBytes(4_000_000);
    const config = Buffer.from('{}');
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: IMAGE,
        config: { mediaType: CONFIG, digest: sha256(config), size: config.length },
        layers: [{ mediaType: LAYER, digest: sha256(layer), size: layer.length }],
      }),
    );
    const ranges: (string | undefined)[] = [];
    const shelf = new Map([
      ['v1', { bytes: manifest, mediaType: IMAGE }],
      [sha256(config), { bytes: config }],
      [sha256(layer), { bytes: layer }],
    ]);
    await using flaky = await startScript((request, response) => {
      if (request.url?.endsWith(sha256(layer)) === true) {
        ranges.push(request.headers.range);
        if (ranges.length === 1) {
          response.writeHead(200, { 'content-length': layer.length });
          response.write(layer.subarray(0, 3_000_000), () => setTimeout(() => response.destroy(), 50));
          return;
        }
      }
      serveShelf(shelf)(request, response);
    });
    const { copied } = await copying(at(flaky, 'a/b:v1'), at(to, 'flaky/app:v1'));
    expect(copied.digest).toBe(sha256(manifest));
    expect(ranges).toEqual([undefined, 'bytes=3000000-']);
  });
});
