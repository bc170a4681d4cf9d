import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asImageId, digestOf, parseDiffId, sha256Of, type Digest, type ImageId } from '#oci';
import { openImageStore, openRoot, type ImageStore, type Lease, type NewImage, type Root } from './index.ts';

let path: string;
let root: Root;
let store: ImageStore;
let lease: Lease;
beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'lade-targets-'));
  root = await openRoot(path);
  store = await openImageStore(root);
  lease = await store.leases.create({ label: 'test' });
});
afterEach(async () => {
  await root[Symbol.asyncDispose]();
  rmSync(path, { recursive: true });
});

const INDEX = 'application/vnd.oci.image.index.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const TAG = 'docker.io/library/x:1';

const blob = async (text: string): Promise<Digest> =>
  (await store.blobs.put(Buffer.from(text), { lease })).digest;
const link = async (text: string) => ({ digest: await blob(text), mediaType: MANIFEST });

/** An image of one layer that is a blob. */
const imageOf = async (architecture: string, unpacked: boolean): Promise<NewImage> => {
  const layer = await blob(`layer ${architecture}`);
  return {
    id: asImageId(await blob(`config ${architecture}`)),
    platform: { os: 'linux', architecture },
    layers: [{ diffId: parseDiffId(sha256Of(`tar ${architecture}`)), size: unpacked ? 100 : 10 }],
    unpacked,
    manifests: [await link(`manifest ${architecture}`)],
    blobs: [layer],
  };
};

const putIndex = async (name = TAG): Promise<{ index: Digest; own: ImageId; other: ImageId }> => {
  const index = await blob('index');
  const own = await imageOf('amd64', true);
  const other = await imageOf('arm64', false);
  await store.images.putTarget({
    digest: index,
    mediaType: INDEX,
    image: own.id,
    tags: [name],
    members: [
      { manifest: await link('manifest arm64'), kind: 'image', image: other, platform: other.platform },
      { manifest: await link('manifest amd64'), kind: 'image', image: own, platform: own.platform },
      { manifest: await link('attestation'), kind: 'attestation', subject: await blob('manifest amd64') },
    ],
    blobs: [await blob('in-toto')],
  });
  await lease[Symbol.asyncDispose]();
  return { index, own: own.id, other: other.id };
};

describe('a named index', () => {
  test('is kept with everything in it, and none of its images is dangling', async () => {
    const { index, own, other } = await putIndex();
    await store.collect();
    expect(store.blobs.list()).toHaveLength(9);
    expect(store.images.reference(TAG)).toMatchObject({
      image: own,
      target: { digest: index, mediaType: INDEX },
    });
    expect(
      store.images.target(index)?.members.map(({ kind, image, subject }) => ({ kind, image, subject })),
    ).toEqual([
      { kind: 'image', image: other, subject: undefined },
      { kind: 'image', image: own, subject: undefined },
      { kind: 'attestation', image: undefined, subject: sha256Of('manifest amd64') },
    ]);
    expect(store.images.members()).toEqual(new Set([other]));
    expect(store.images.targetsOf(other)).toEqual([index]);
    expect(store.images.get(other)).toMatchObject({ unpacked: false, size: 10, kind: 'image' });
    expect(store.images.get(own)).toMatchObject({ unpacked: true, size: 100 });
  });

  test('goes whole with its last name', async () => {
    const { index, own } = await putIndex();
    await store.images.tag('docker.io/library/y:1', own, { digest: index, mediaType: INDEX });
    await store.images.untag(TAG);
    await store.collect();
    expect(store.images.list()).toHaveLength(2);
    await store.images.remove(own);
    await store.collect();
    expect(store.images.target(index)).toBeUndefined();
    expect(store.images.list()).toEqual([]);
    expect(store.blobs.list()).toEqual([]);
  });

  test('lets go of all but what has another name or a holder', async () => {
    const { index, own, other } = await putIndex();
    await store.images.tag('docker.io/library/arm:1', other);
    expect(store.images.members()).toEqual(new Set());
    await store.images.untag(TAG);
    await store.collect();
    expect(store.images.target(index)).toBeUndefined();
    expect(store.images.list().map((record) => record.id)).toEqual(expect.arrayContaining([own, other]));
    await store.images.untag('docker.io/library/arm:1');
    await store.holds.hold(other, { kind: 'container', id: 'c' });
    await store.collect();
    expect(store.images.get(other)).toBeDefined();
    await store.holds.release({ kind: 'container', id: 'c' });
    await store.collect();
    expect(store.images.list().map((record) => record.id)).toEqual([own]);
    expect(store.blobs.list()).toHaveLength(3);
  });

  test('takes along an image that was unpacked meanwhile', async () => {
    const { own, other } = await putIndex();
    await using again = await store.leases.create({ label: 'unpack' });
    await again.protect('image', other);
    lease = again;
    await store.images.put({ ...(await imageOf('arm64', true)), id: other });
    expect(store.images.get(other)?.unpacked).toBe(true);
    await again[Symbol.asyncDispose]();
    await store.images.remove(own);
    await store.collect();
    expect(store.images.list()).toEqual([]);
  });

  test('loses a platform that is removed by its ID', async () => {
    const { index, other } = await putIndex();
    await store.images.remove(other);
    await store.collect();
    expect(store.images.target(index)?.members.map((member) => member.kind)).toEqual([
      'image',
      'attestation',
    ]);
    expect(store.blobs.stat(sha256Of('layer arm64'))).toBeUndefined();
  });

  test('is refused whole when a part is not stored', async () => {
    const missing = { digest: digestOf('sha256', '0'.repeat(64)), mediaType: MANIFEST };
    const own = await imageOf('amd64', true);
    const index = await blob('index');
    await expect(
      store.images.putTarget({
        digest: index,
        mediaType: INDEX,
        image: own.id,
        members: [
          { manifest: await link('manifest amd64'), kind: 'image', image: own },
          { manifest: missing, kind: 'artifact' },
        ],
      }),
    ).rejects.toMatchObject({ kind: 'failed-precondition' });
    expect(store.images.list()).toEqual([]);
    expect(store.images.target(index)).toBeUndefined();
  });
});

test('sizes of an image become those of its tars once it is unpacked', async () => {
  const packed = await imageOf('amd64', false);
  await store.images.put(packed);
  const record = await store.images.put(await imageOf('amd64', true));
  expect(record).toMatchObject({ unpacked: true, size: 100, layerSizes: [100] });
  expect(await store.images.put(packed)).toMatchObject({ unpacked: true, size: 100, layerSizes: [100] });
});

test('small blobs are stored under sha512 as well, and only what they are', async () => {
  const digest = digestOf('sha512', '0'.repeat(128));
  await expect(store.blobs.put(Buffer.from('a'), { lease, digest })).rejects.toMatchObject({
    kind: 'corrupt',
  });
});
