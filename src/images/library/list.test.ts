import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatPlatform, hostPlatform, type Descriptor, type ImageConfig } from '#oci';
import { makeScratch, openLibrary, rootfsTar, type Opened, type Scratch } from './testing.ts';
import { startFakeRegistry, type FakeRegistry } from './testing/fake-registry.ts';
import { createImageKit, fakeSink } from './testing/image-kit.ts';

let scratch: Scratch;
let registry: FakeRegistry;
let opened: Opened;
beforeEach(async () => {
  scratch = makeScratch();
  registry = await startFakeRegistry();
  opened = await openLibrary(join(scratch.path, 'root'));
});
afterEach(async () => {
  await opened[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

const host = hostPlatform();
const other = { os: 'linux', architecture: host.architecture === 's390x' ? 'ppc64le' : 's390x' };
const on = (descriptor: Descriptor, platform: Descriptor['platform']): Descriptor => ({
  ...descriptor,
  platform,
});
const pull = (name: string, allPlatforms = false) =>
  opened.library.pull({ reference: `${registry.host}/${name}`, allPlatforms });

/** Bytes of all blobs and of all layers' tars. */
const stored = (): number =>
  [...opened.store.blobs.list(), ...opened.layers.list()].reduce((sum, { size }) => sum + size, 0);

/** `app:1` and `app:2` share a layer; `whole:1` is an index of two platforms with an attestation. */
const publish = async () => {
  const app = createImageKit(fakeSink(registry, 'app'));
  await app.image({ platform: host, layers: [{ base: 'b' }, { one: '1' }], tags: ['1'] });
  await app.image({ platform: host, layers: [{ base: 'b' }, { two: '2' }], tags: ['2'] });
  const kit = createImageKit(fakeSink(registry, 'whole'));
  const own = await kit.image({ platform: host, layers: [{ own: 'x' }] });
  const foreign = await kit.image({ platform: other, layers: [{ foreign: 'y' }], packing: 'zstd' });
  const attested = await kit.attestation(own.descriptor);
  const index = await kit.index([on(foreign.descriptor, other), attested, on(own.descriptor, host)], {
    tags: ['1'],
  });
  return { own, foreign, attested, index };
};

describe('the unique size', () => {
  test('is what removing the image frees, to the byte', async () => {
    await publish();
    for (const name of ['app:1', 'app:2', 'whole:1']) await pull(name, name === 'whole:1');
    await opened.library.import({ stream: rootfsTar({ base: 'b' }), reference: 'copy:1' });
    for (let left = 4; left > 0; left -= 1) {
      const [row] = opened.library.list({ shared: true });
      const before = stored();
      await opened.library.remove(row?.Id ?? '', { force: true, purge: true });
      expect(before - stored()).toBe(row?.UniqueSize);
      expect(row?.UniqueSize).toBeGreaterThan(0);
    }
    expect(stored()).toBe(0);
  });

  test('of an index has what its platforms have in common: nobody else shares it', async () => {
    const kit = createImageKit(fakeSink(registry, 'common'));
    const layers = [{ base: 'x'.repeat(9000) }];
    const [own, foreign] = [
      await kit.image({ platform: host, layers: [...layers, { a: '1' }] }),
      await kit.image({ platform: other, layers: [...layers, { a: '2' }] }),
    ];
    await kit.index([on(own.descriptor, host), on(foreign.descriptor, other)], { tags: ['1'] });
    await pull('common:1', true);
    const [row] = opened.library.list({ shared: true });
    expect(row).toMatchObject({ SharedSize: 0 });
    await opened.library.import({ stream: rootfsTar({ base: 'b' }), reference: 'copy:1' });
    await opened.library.tag(foreign.id, 'arm:1');
    const sharing = opened.library.list({ shared: true }).map(({ SharedSize }) => SharedSize);
    expect(sharing.filter((size) => size > 0)).toHaveLength(2);
  });

  test('does not count what a container or the build cache keeps besides', async () => {
    const view = await opened.library.import({ stream: rootfsTar({ base: 'b' }), reference: 'copy:1' });
    const [before] = opened.library.list({ shared: true });
    const [diffId] = view.config.rootfs.diffIds;
    if (diffId === undefined) throw new Error('no layer');
    await opened.store.holds.holdContent([{ kind: 'layer', key: diffId }], { kind: 'build-cache', id: 'x' });
    const [after] = opened.library.list({ shared: true });
    expect((before?.UniqueSize ?? 0) - (after?.UniqueSize ?? 0)).toBe(view.size);
    expect(after?.SharedSize).toBe(0);
  });
});

describe('manifests', () => {
  test('of an index are all that it names, stored or not', async () => {
    const { own, foreign, attested, index } = await publish();
    await pull('whole:1');
    const [part] = opened.library.list({ manifests: true });
    expect(part?.Descriptor).toMatchObject({ digest: index.descriptor.digest });
    expect(part?.Manifests?.map(({ ID, Kind, Available }) => ({ ID, Kind, Available }))).toEqual([
      { ID: foreign.descriptor.digest, Kind: 'image', Available: false },
      { ID: attested.digest, Kind: 'attestation', Available: false },
      { ID: own.descriptor.digest, Kind: 'image', Available: true },
    ]);
    await pull('whole:1', true);
    await opened.library.hold(own.id, { kind: 'container', id: 'c' });
    const { Manifests: [arm, about, mine] = [] } = opened.library.inspect(`${registry.host}/whole:1`, {
      manifests: true,
    });
    const content = [foreign.descriptor, ...foreign.layers.map((layer) => layer.descriptor)];
    const size = content.reduce(
      (sum, blob) => sum + blob.size,
      opened.store.blobs.stat(foreign.id)?.size ?? 0,
    );
    expect(arm).toMatchObject({
      Available: true,
      Size: { Content: size, Total: size },
      ImageData: { Platform: other, Size: { Unpacked: 0 }, Containers: [] },
    });
    expect(about).toMatchObject({ Available: true, AttestationData: { For: own.descriptor.digest } });
    const unpacked = opened.library.resolve(own.id).size;
    expect(mine?.ImageData).toMatchObject({ Size: { Unpacked: unpacked }, Containers: ['c'] });
    expect(mine?.Size.Total).toBe((mine?.Size.Content ?? 0) + unpacked);
  });

  test('of an image that was made here: its configuration stands for them', async () => {
    const view = await opened.library.import({ stream: rootfsTar({ base: 'b' }), reference: 'copy:1' });
    const [row] = opened.library.list({ manifests: true });
    expect(row?.Descriptor).toBeUndefined();
    expect(row?.Manifests).toMatchObject([
      { ID: view.id, Kind: 'image', Available: true, ImageData: { Platform: view.record.platform } },
    ]);
  });

  test('of one platform: its own', async () => {
    const { foreign } = await publish();
    await pull('whole:1', true);
    const inspected = opened.library.inspect(`${registry.host}/whole:1`, { platform: formatPlatform(other) });
    expect(inspected).toMatchObject({
      Id: foreign.id,
      Architecture: other.architecture,
      Descriptor: { digest: foreign.descriptor.digest },
    });
    const [item] = opened.library.history(`${registry.host}/whole:1`, { platform: formatPlatform(other) });
    expect(item).toBeUndefined();
  });
});

test('an image that lost its names to a container is listed when the container is gone', async () => {
  await publish();
  await opened[Symbol.asyncDispose]();
  opened = await openLibrary(join(scratch.path, 'root'), {
    isRunning: () => true,
    keepDeletedMs: () => 60_000,
  });
  const view = await pull('app:1');
  await opened.library.hold(view.id, { kind: 'container', id: 'c' });
  await opened.library.remove(`${registry.host}/app:1`, { force: true });
  expect(opened.library.list().map(({ Id }) => Id)).toEqual([view.id]);
  await opened.library.release({ kind: 'container', id: 'c' });
  expect(opened.library.list().map(({ Id }) => Id)).toEqual([view.id]);
  await opened.library.remove(view.id, { purge: true });
  expect(opened.library.list()).toEqual([]);
});

describe('removal of one platform', () => {
  test('leaves the index and its other platforms; the image that the name means stays', async () => {
    const { own, foreign } = await publish();
    await pull('whole:1', true);
    const name = `${registry.host}/whole:1`;
    const platforms = [formatPlatform(other)];
    const removed = await opened.library.remove(name, { platforms, purge: true });
    expect(removed[0]).toEqual({ deleted: foreign.id });
    expect(opened.library.resolve(name).id).toBe(own.id);
    expect(() => opened.library.resolve(name, { platform: formatPlatform(other) })).toThrow('does not match');
    expect(opened.store.blobs.stat(foreign.id)).toBeUndefined();
    await expect(
      opened.library.remove(name, { platforms: [formatPlatform(host)], force: true }),
    ).rejects.toThrow('it is what the name means');
  });
});

describe('filters that Debian’s dockerd does not know', () => {
  const at = async (name: string, created: string | undefined): Promise<void> => {
    const view = await opened.library.import({ stream: rootfsTar({ name }) });
    const config: ImageConfig = { ...view.config, created };
    await opened.library.createImage({ config, tags: [name] });
    await opened.library.remove(view.id, { purge: true });
  };
  const names = (filters: Readonly<Record<string, readonly string[]>>): readonly string[] =>
    opened.library
      .list({ filters })
      .flatMap((row) => row.RepoTags)
      .toSorted();

  beforeEach(async () => {
    await at('a', '2024-01-01T00:00:00.000000001Z');
    await at('b', '2024-01-01T02:00:00.000000003+02:00');
    await at('c', '2024-01-02T00:00:00Z');
    await at('never', undefined);
  });

  test('until is exclusive, and the earliest of several counts', () => {
    expect(names({ until: ['2024-01-02T00:00:00Z'] })).toEqual(['a:latest', 'b:latest']);
    expect(names({ until: ['1704153601'] })).toEqual(['a:latest', 'b:latest', 'c:latest']);
    expect(names({ until: ['2h', '2024-01-02T00:00:00Z'] })).toEqual(['a:latest', 'b:latest']);
    expect(() => names({ until: ['soon'] })).toThrow("invalid filter 'until=[soon]'");
  });

  test('before and since go by nanoseconds, and the narrowest of several counts', () => {
    expect(names({ before: ['b'] })).toEqual(['a:latest']);
    expect(names({ since: ['a'] })).toEqual(['b:latest', 'c:latest']);
    expect(names({ since: ['a', 'b'] })).toEqual(['c:latest']);
    expect(names({ before: ['c', 'b'] })).toEqual(['a:latest']);
    expect(names({ before: ['c'], until: ['2023-01-01'] })).toEqual([]);
  });

  test('dangling takes 1 and 0, and not both', () => {
    expect(names({ dangling: ['0'] })).toHaveLength(4);
    expect(names({ dangling: ['1'] })).toEqual([]);
    expect(() => names({ dangling: ['true', '0'] })).toThrow("invalid filter 'dangling=[true 0]'");
  });
});
