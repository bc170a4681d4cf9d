import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '#database';
import { asImageId, parseDiffId, sha256Of, type Digest, type ImageId } from '#oci';
import { createDeletions } from './deletions.ts';
import { openImageStore, openRoot, type ImageStore, type Lease, type Root } from './index.ts';

let path: string;
let root: Root;
let store: ImageStore;
let lease: Lease;
beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'lade-deletions-'));
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
const tagOf = (name: string): string => `docker.io/library/${name}:1`;
const diffOf = (name: string) => parseDiffId(sha256Of(`tar ${name}`));

const blob = async (text: string): Promise<Digest> =>
  (await store.blobs.put(Buffer.from(text), { lease })).digest;

/** An image of one unpacked layer with its compressed blob. */
const put = async (name: string, more: { readonly parent?: ImageId; readonly digest?: boolean } = {}) => {
  const layer = await blob(`layer ${name}`);
  const record = await store.images.put({
    id: asImageId(await blob(`config ${name}`)),
    platform: { os: 'linux', architecture: 'amd64' },
    labels: { name },
    parent: more.parent,
    layers: [{ diffId: diffOf(name), size: 7 }],
    manifests: [{ digest: await blob(`manifest ${name}`), mediaType: MANIFEST }],
    blobs: [layer],
    tags: [tagOf(name)],
    repoDigests: more.digest === true ? [`docker.io/library/${name}@${sha256Of(name)}`] : [],
  });
  await store.images.linkLayerBlob(diffOf(name), { digest: layer, size: 8, mediaType: 'gz' });
  return { record, layer };
};

const begin = (cause = 'rmi a', keepMs = 60_000) => store.deletions.begin({ cause, keepMs });

describe('undo', () => {
  test('brings back record, names and content exactly, also after another start', async () => {
    const { record } = await put('a', { digest: true });
    await lease[Symbol.asyncDispose]();
    const before = { record: store.images.get(record.id), names: store.images.references() };
    const blobs = store.blobs.list();
    const deletion = begin();
    for (const { reference } of before.names) await store.images.untag(reference, { deletion });
    await store.images.remove(record.id, { deletion });
    expect(store.images.list()).toEqual([]);
    expect(store.images.unneeded([diffOf('a')])).toEqual([diffOf('a')]);
    expect((await store.collect()).blobs).toEqual([]);
    await root[Symbol.asyncDispose]();
    root = await openRoot(path);
    store = await openImageStore(root);
    expect(store.deletions.list()).toMatchObject([
      { id: deletion.id, cause: 'rmi a', images: [record.id], references: [{}, {}] },
    ]);
    const restored = await store.deletions.restore(deletion.id);
    expect(restored).toMatchObject({ images: [record.id], taken: [], lost: [] });
    expect({ record: store.images.get(record.id), names: store.images.references() }).toEqual(before);
    expect(store.blobs.list()).toEqual(blobs);
    expect(store.deletions.list()).toEqual([]);
    await store.collect();
    expect(store.blobs.list()).toEqual(blobs);
  });

  test('takes as many statements for many images as for one', async () => {
    const counts: number[] = [];
    for (const number of [1, 5]) {
      const deletion = begin();
      const names = Array.from({ length: number }, (_, index) => `many${number}-${index}`);
      for (const name of names)
        await store.images.remove((await put(name, { digest: true })).record.id, { deletion });
      const database: Database = {
        ...root.database,
        write: (statements) => (counts.push(statements.length), root.database.write(statements)),
      };
      const restored = await createDeletions(database).restore(deletion.id);
      expect(restored.images).toHaveLength(number);
      expect(store.images.list().filter(({ labels }) => names.includes(labels['name'] ?? ''))).toHaveLength(
        number,
      );
    }
    expect(counts[0]).toBe(counts[1]);
    expect(counts).toHaveLength(2);
  });

  test('brings back one image of many', async () => {
    const [a, b] = [await put('a'), await put('b')];
    const deletion = begin('prune');
    for (const { record } of [a, b]) {
      await store.images.untag(tagOf(record.labels['name'] ?? ''), { deletion });
      await store.images.remove(record.id, { deletion });
    }
    await store.deletions.restore(deletion.id, b.record.id);
    expect(store.images.list().map(({ id }) => id)).toEqual([b.record.id]);
    expect(store.images.byReference(tagOf('b'))?.id).toBe(b.record.id);
    expect(store.deletions.list()).toMatchObject([{ images: [a.record.id] }]);
    await store.deletions.restore(deletion.id);
    expect(store.images.list()).toHaveLength(2);
  });

  test('leaves a name where it went meanwhile, and says so', async () => {
    const [a, b] = [await put('a'), await put('b')];
    const untagged = begin('rmi a:1');
    await store.images.untag(tagOf('a'), { deletion: untagged });
    await store.images.tag(tagOf('a'), b.record.id);
    await expect(store.deletions.restore(untagged.id)).rejects.toMatchObject({ kind: 'conflict' });
    expect(store.deletions.list()).toHaveLength(1);
    const removed = begin('rmi b');
    await store.images.untag(tagOf('b'), { deletion: removed });
    await store.images.untag(tagOf('a'), { deletion: removed });
    await store.images.remove(b.record.id, { deletion: removed });
    await store.images.tag(tagOf('a'), a.record.id);
    expect(await store.deletions.restore(removed.id)).toMatchObject({
      images: [b.record.id],
      references: [{ reference: tagOf('b') }],
      taken: [{ reference: tagOf('a'), by: a.record.id }],
    });
  });

  test('of a name whose image went later says which comes first', async () => {
    const { record } = await put('a');
    const [first, second] = [begin('rmi a:1'), begin('rmi ID')];
    await store.images.untag(tagOf('a'), { deletion: first });
    await store.images.remove(record.id, { deletion: second });
    await expect(store.deletions.restore(first.id)).rejects.toMatchObject({
      code: 'STORE_UNDO_IMAGE_GONE',
    });
    await store.deletions.restore(second.id);
    await store.deletions.restore(first.id);
    expect(store.images.byReference(tagOf('a'))?.id).toBe(record.id);
    await expect(store.deletions.restore(first.id)).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('forgets a parent that is gone for good', async () => {
    const base = await put('base');
    const { record } = await put('child', { parent: base.record.id });
    const deletion = begin();
    await store.images.remove(record.id, { deletion });
    await store.images.remove(base.record.id);
    await store.deletions.restore(deletion.id);
    expect(store.images.get(record.id)?.parent).toBeUndefined();
  });

  test('of the name of an index keeps all that the index has, unlisted', async () => {
    const { record } = await put('a');
    const arm = asImageId(await blob('config arm'));
    const index = await blob('index');
    const target = { digest: index, mediaType: INDEX };
    await store.images.putTarget({
      ...target,
      image: record.id,
      tags: [tagOf('multi')],
      members: [
        {
          manifest: { digest: await blob('manifest arm'), mediaType: MANIFEST },
          kind: 'image',
          image: { id: arm, platform: { os: 'linux', architecture: 'arm64' }, layers: [], unpacked: false },
        },
      ],
    });
    await lease[Symbol.asyncDispose]();
    const deletion = begin();
    await store.images.untag(tagOf('multi'), { deletion });
    await store.collect();
    expect(store.images.members()).toEqual(new Set([arm]));
    expect(store.space.ownership().blobs.get(arm)).toMatchObject({ images: [], holders: ['undo'] });
    await store.deletions.restore(deletion.id);
    expect(store.images.reference(tagOf('multi'))?.target).toEqual(target);
    const again = begin();
    await store.images.untag(tagOf('multi'), { deletion: again });
    await store.deletions.letGo([again.id]);
    await store.collect();
    expect(store.images.get(arm)).toBeUndefined();
    expect(store.images.get(record.id)).toBeDefined();
  });
});

test('an image that is deleted for good cannot be brought back by an earlier deletion either', async () => {
  const [a, b] = [await put('a'), await put('b')];
  const [names, all] = [begin('rmi a:1'), begin('prune')];
  await store.images.untag(tagOf('a'), { deletion: names });
  await store.images.untag(tagOf('b'), { deletion: all });
  await store.images.remove(b.record.id, { deletion: all });
  await store.images.remove(a.record.id);
  expect(store.deletions.list().map(({ id }) => id)).toEqual([all.id]);
  expect(store.holds.heldBy('undo').every(({ holder }) => holder.id === all.id)).toBe(true);
});

describe('what deletions keep', () => {
  test('goes when they expire, and nothing before', async () => {
    const { record, layer } = await put('a');
    await lease[Symbol.asyncDispose]();
    const deletion = begin('rmi a', 1000);
    await store.images.remove(record.id, { deletion });
    expect(store.deletions.nextExpiry()).toBe(deletion.expiresAt);
    expect(store.space.ownership().blobs.get(layer)).toEqual({ images: [], holders: ['undo'] });
    expect(await store.deletions.expire(deletion.expiresAt - 1)).toEqual({ blobs: [], layers: [] });
    const only = await store.deletions.expire(deletion.expiresAt);
    expect(only.blobs).toHaveLength(3);
    expect(only.layers).toEqual([diffOf('a')]);
    const file = store.blobs.path(layer);
    const collected = await store.collect({ only });
    expect(collected.blobs).toHaveLength(3);
    expect(existsSync(file)).toBe(false);
    expect(await collected.freed()).toBe(3 * 4096);
    expect(readdirSync(join(path, 'trash'))).toEqual([]);
    expect(store.deletions.nextExpiry()).toBeUndefined();
  });

  test('is collected by candidates alone without a look at the rest', async () => {
    const { record } = await put('a');
    const other = await blob('nobody names this');
    await lease[Symbol.asyncDispose]();
    const only = store.images.content(record.id);
    await store.images.remove(record.id);
    expect((await store.collect({ only })).blobs).toHaveLength(3);
    expect(store.blobs.stat(other)).toBeDefined();
    expect((await store.collect()).blobs.map(({ digest }) => digest)).toEqual([other]);
  });
});

describe('blobs that a registry can give again', () => {
  test('go without their image, least recently used first, unless something uses them', async () => {
    const [a, b] = [await put('a', { digest: true }), await put('b', { digest: true })];
    const local = await put('local');
    expect(store.space.refetchable()).toEqual([]);
    await lease[Symbol.asyncDispose]();
    store.images.touch(a.record.id);
    await expect.poll(() => store.images.uses().size).toBe(1);
    expect(store.space.refetchable().map(({ digest }) => digest)).toEqual([b.layer, a.layer]);
    await using using = await store.leases.create({ label: 'push' });
    await using.protect('blob', a.layer);
    const gone = await store.space.letGo([a.layer, b.layer, local.layer]);
    expect(gone.blobs.map(({ digest }) => digest)).toEqual([b.layer, local.layer]);
    expect(store.images.get(b.record.id)).toMatchObject({ id: b.record.id });
    expect(store.blobs.stat(a.layer)).toBeDefined();
  });
});
