import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chainIds, type ImageConfig, type ImageId } from '#oci';
import { makeScratch, noise, openLibrary, rootfsTar, type Opened, type Scratch } from './testing.ts';
import type { ImageView } from './types.ts';

let scratch: Scratch;
let opened: Opened;
let running: Set<string>;
beforeEach(async () => {
  scratch = makeScratch();
  running = new Set();
  opened = await openLibrary(scratch.path, { isRunning: (id) => running.has(id) });
});
afterEach(async () => {
  await opened[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

const container = 'c'.repeat(64);
const hold = (id: ImageId): Promise<void> => opened.library.hold(id, { kind: 'container', id: container });
const base = (reference = 'base:1'): Promise<ImageView> =>
  opened.library.import({ stream: rootfsTar({ base: 'x' }), reference });

/** An image with one layer more than its parent. */
const child = async (parent: ImageView, tag: string | undefined, content: string): Promise<ImageView> => {
  const { layers, library } = opened;
  await using lease = await library.lease({ label: 'test', everything: true });
  const layer = await layers.unpack(
    { kind: 'stream', stream: rootfsTar({ child: content }), compression: 'none' },
    { lease },
  );
  const config: ImageConfig = {
    ...parent.config,
    created: '2026-05-05T05:05:05Z',
    config: { ...parent.config.config, Labels: { made: content } },
    rootfs: { diffIds: [...parent.config.rootfs.diffIds, layer.diffId] },
    history: [
      ...parent.config.history,
      { created: '2026-05-05T05:05:05Z', createdBy: 'RUN x' },
      { createdBy: 'CMD []', emptyLayer: true },
    ],
  };
  return library.createImage({ config, parent: parent.id, tags: tag === undefined ? [] : [tag] });
};

describe('names', () => {
  test('by reference, ID and prefix; in the words of Docker when there is none', async () => {
    const view = await base('example.com/a/b:1');
    const { library } = opened;
    for (const name of [
      'example.com/a/b:1',
      view.id,
      view.id.slice(7),
      view.id.slice(7, 19),
      view.id.slice(0, 19),
    ]) {
      expect(library.resolve(name).id).toBe(view.id);
    }
    expect(() => library.resolve('nosuch')).toThrow(
      expect.objectContaining({ kind: 'not-found', message: 'No such image: nosuch:latest' }),
    );
    expect(() => library.resolve('f'.repeat(64))).toThrow(`No such image: sha256:${'f'.repeat(64)}`);
    expect(() => library.resolve('BAD')).toThrow('must be lowercase');
    expect(() => library.resolve(view.id, { platform: 'linux/s390x' })).toThrow(
      /does not match the specified platform/,
    );
  });

  test('tag moves; a digest cannot be given', async () => {
    const first = await base('x:1');
    const second = await opened.library.import({ stream: rootfsTar({ other: 'y' }) });
    await opened.library.tag(second.id, 'x:1');
    expect(opened.library.resolve('x:1').id).toBe(second.id);
    expect(opened.library.resolve(first.id).tags).toEqual([]);
    await expect(opened.library.tag('x:1', `y@sha256:${'0'.repeat(64)}`)).rejects.toThrow(
      'refusing to create a tag with a digest',
    );
    expect(opened.events.filter((event) => event.action === 'tag')).toHaveLength(2);
  });
});

describe('inspect and history', () => {
  test('show what the image is', async () => {
    const parent = await base();
    const view = await child(parent, 'app:1', 'c');
    const { library } = opened;
    expect(library.inspect('app:1')).toMatchObject({
      Id: view.id,
      RepoTags: ['app:1'],
      RepoDigests: [],
      Parent: parent.id,
      Comment: '',
      Created: '2026-05-05T05:05:05Z',
      Os: 'linux',
      Config: { Labels: { made: 'c' } },
      RootFS: { Type: 'layers', Layers: view.config.rootfs.diffIds },
      Size: view.record.layerSizes.reduce((a, b) => a + b),
    });
    expect(Date.parse(library.inspect('app:1').Metadata.LastTagTime)).toBeGreaterThan(Date.now() - 60_000);
    expect(
      library.history('app:1').map((item) => [item.Id, item.CreatedBy, item.Tags, item.Size > 0]),
    ).toEqual([
      [view.id, 'CMD []', ['app:1'], false],
      ['<missing>', 'RUN x', [], true],
      [parent.id, '', ['base:1'], true],
    ]);
  });
});

describe('list', () => {
  test('newest first, shared bytes, children hide their untagged parents', async () => {
    const parent = await base();
    const view = await child(parent, 'app:1', 'c');
    const { library } = opened;
    const rows = library.list();
    expect(rows.map((row) => row.RepoTags)).toEqual([['base:1'], ['app:1']]);
    expect(rows.map((row) => row.SharedSize)).toEqual([-1, -1]);
    expect(library.list({ shared: true }).map((row) => row.SharedSize)).toEqual([parent.size, parent.size]);
    await opened.store.images.untag('docker.io/library/base:1');
    expect(library.list().map((row) => row.Id)).toEqual([view.id]);
    expect(library.list({ all: true })).toHaveLength(2);
    await hold(view.id);
    expect(library.list()[0]?.Containers).toBe(1);
  });

  test('filters', async () => {
    const parent = await base('repo/base:1');
    const view = await child(parent, 'example.com/repo/app:1', 'c');
    const loose = await child(parent, undefined, 'd');
    const ids = (filters: Readonly<Record<string, readonly string[]>>) =>
      opened.library
        .list({ filters })
        .map((row) => row.Id)
        .sort();
    expect(ids({ dangling: ['true'] })).toEqual([loose.id]);
    expect(ids({ dangling: ['false'] })).toEqual([parent.id, view.id].sort());
    expect(ids({ label: ['made=c'] })).toEqual([view.id]);
    expect(ids({ label: ['made'] })).toEqual([view.id, loose.id].sort());
    expect(ids({ reference: ['repo/*'] })).toEqual([parent.id]);
    expect(ids({ reference: ['*/*/app:*'] })).toEqual([view.id]);
    expect(ids({ reference: ['*'] })).toEqual([]);
    expect(ids({ before: ['repo/base:1'] })).toEqual([view.id, loose.id].sort());
    expect(ids({ since: [view.id] })).toEqual([parent.id]);
    expect(ids({ until: ['2026-06-01'] })).toEqual([view.id, loose.id].sort());
    expect(() => ids({ nonsense: ['x'] })).toThrow(expect.objectContaining({ kind: 'invalid-argument' }));
    expect(() => ids({ dangling: ['maybe'] })).toThrow(expect.objectContaining({ kind: 'invalid-argument' }));
  });
});

const chainOf = (view: ImageView): readonly string[] => chainIds(view.config.rootfs.diffIds);

describe('remove', () => {
  test('untags while other tags are left; the last one takes image and layers with it', async () => {
    const view = await base('a:1');
    const { library, layers, store, events } = opened;
    await library.tag('a:1', 'b:1');
    expect(await library.remove('a:1')).toEqual([{ untagged: 'a:1' }]);
    expect(layers.list()).toHaveLength(1);
    await expect(library.remove('b:2')).rejects.toMatchObject({ kind: 'not-found' });
    expect(await library.remove('b:1')).toEqual([
      { untagged: 'b:1' },
      { deleted: view.id },
      { deleted: chainOf(view)[0] },
    ]);
    expect(layers.list()).toEqual([]);
    expect(store.blobs.list()).toEqual([]);
    expect(events.map((event) => event.action).slice(-3)).toEqual(['untag', 'untag', 'delete']);
  });

  test('by ID: one name goes along, several need force', async () => {
    const view = await base('a:1');
    const { library } = opened;
    await library.tag('a:1', 'b:1');
    await expect(library.remove(view.id)).rejects.toMatchObject({
      kind: 'conflict',
      message: `conflict: unable to delete ${view.id.slice(7, 19)} (must be forced) - image is referenced in multiple repositories`,
    });
    expect(library.resolve('a:1').tags).toHaveLength(2);
    expect(await library.remove(view.id.slice(7, 15), { force: true })).toContainEqual({ deleted: view.id });
    expect(library.list({ all: true })).toEqual([]);
  });

  test('the digests of a repository go with its last tag', async () => {
    const view = await base('example.com/a:1');
    const { library, store } = opened;
    const digest = `example.com/a@${view.id}`;
    await store.images.addRepoDigest(digest, view.id);
    await library.tag(view.id, 'example.com/a:2');
    expect(await library.remove('example.com/a:1')).toEqual([{ untagged: 'example.com/a:1' }]);
    expect(await library.remove('example.com/a:2')).toEqual([
      { untagged: 'example.com/a:2' },
      { untagged: digest },
      { deleted: view.id },
      { deleted: chainOf(view)[0] },
    ]);
  });

  test('an image of a container stays; a stopped one lets go when forced, a running one never', async () => {
    const view = await base('a:1');
    const { library } = opened;
    await hold(view.id);
    await expect(library.remove('a:1')).rejects.toThrow(
      `conflict: unable to remove repository reference "a:1" (must force) - container cccccccccccc is using its referenced image ${view.id.slice(7, 19)}`,
    );
    await expect(library.remove(view.id)).rejects.toThrow(
      `conflict: unable to delete ${view.id.slice(7, 19)} (must be forced) - image is being used by stopped container cccccccccccc`,
    );
    running.add(container);
    await expect(library.remove(view.id, { force: true })).rejects.toThrow(
      `conflict: unable to delete ${view.id.slice(7, 19)} (cannot be forced) - image is being used by running container cccccccccccc`,
    );
    expect(await library.remove('a:1', { force: true })).toEqual([{ untagged: 'a:1' }]);
    expect(library.resolve(view.id).tags).toEqual([]);
    running.clear();
    expect(await library.remove(view.id, { force: true })).toContainEqual({ deleted: view.id });
    await library.release({ kind: 'container', id: container });
  });

  test('an image with children stays; with the child its untagged parents go', async () => {
    const parent = await base();
    const middle = await child(parent, undefined, 'c');
    const leaf = await child(middle, 'leaf:1', 'd');
    const { library, layers } = opened;
    await expect(library.remove(middle.id, { force: true })).rejects.toThrow(
      '(cannot be forced) - image has dependent child images',
    );
    expect(await library.remove('base:1')).toEqual([{ untagged: 'base:1' }]);
    expect(library.list({ all: true })).toHaveLength(3);
    expect((await library.remove('leaf:1')).filter((removal) => 'deleted' in removal)).toEqual([
      { deleted: leaf.id },
      { deleted: chainOf(leaf)[2] },
      { deleted: middle.id },
      { deleted: chainOf(middle)[1] },
      { deleted: parent.id },
      { deleted: chainOf(parent)[0] },
    ]);
    expect(layers.list()).toEqual([]);
  });

  test('parents stay when asked for, and layers that others have too', async () => {
    const parent = await base();
    await child(parent, 'one:1', 'c');
    await child(parent, 'two:1', 'd');
    const { library, layers } = opened;
    await library.remove('base:1');
    await library.remove('one:1', { prune: false });
    expect(library.list({ all: true })).toHaveLength(2);
    expect(layers.list()).toHaveLength(2);
  });
});

describe('prune', () => {
  test('untagged ones; with all, those that nothing uses', async () => {
    const { library } = opened;
    const used = await base('used:1');
    await hold(used.id);
    const loose = await opened.library.import({ stream: rootfsTar({ loose: noise(100_000, 1) }) });
    await opened.library.import({ stream: rootfsTar({ named: noise(50_000, 2) }), reference: 'named:1' });
    await library.tag('named:1', 'named:2');
    const first = await library.prune();
    expect(first.removed).toContainEqual({ deleted: loose.id });
    expect(first.reclaimed).toBeGreaterThan(100_000);
    expect(library.list()).toHaveLength(2);
    const second = await library.prune({ filters: { dangling: ['false'] } });
    expect(second.removed.filter((removal) => 'untagged' in removal)).toHaveLength(2);
    expect(library.list().map((row) => row.Id)).toEqual([used.id]);
  });
});

describe('usage', () => {
  test('counts each layer once, and says what only one image has', async () => {
    const parent = await base();
    const view = await child(parent, 'app:1', 'c');
    const usage = opened.library.usage();
    expect(usage.layersSize).toBe(view.size);
    expect(usage.images.find((row) => row.id === view.id)).toMatchObject({
      size: view.size,
      shared: parent.size,
      unique: view.size - parent.size,
    });
    expect(usage.otherLayersSize).toBe(0);
  });
});

describe('createImage', () => {
  test('needs its layers, and gives the same ID for the same configuration', async () => {
    const parent = await base();
    const { library } = opened;
    const config = { ...parent.config, rootfs: { diffIds: [] }, history: [] };
    const first = await library.createImage({ config });
    expect((await library.createImage({ config, tags: ['x:1'] })).id).toBe(first.id);
    const missing = { ...parent.config, rootfs: { diffIds: [parent.id] } } as unknown as ImageConfig;
    await expect(library.createImage({ config: missing })).rejects.toMatchObject({
      kind: 'failed-precondition',
    });
  });
});
