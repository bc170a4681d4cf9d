import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeScratch, noise, openLibrary, rootfsTar, type Opened, type Scratch } from './testing.ts';
import type { Library, PruneRequest } from './types.ts';

let scratch: Scratch;
let opened: Opened;
let library: Library;
const open = async (): Promise<void> => {
  opened = await openLibrary(scratch.path, { keepDeletedMs: () => 60_000 });
  ({ library } = opened);
};
beforeEach(async () => {
  scratch = makeScratch();
  await open();
});
afterEach(async () => {
  await opened[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

/** An image of one layer; the same seed gives the same layer. */
const make = (seed: number, reference: string | undefined, label = String(seed)) =>
  library.import({
    stream: rootfsTar({ [`file-${seed}`]: noise(50_000 * seed, seed) }),
    reference,
    changes: [`LABEL l=${label}`],
  });

const pruneAsSaid = async (request: PruneRequest) => {
  const outlook = await library.pruneOutlook(request);
  const pruned = await library.prune(request);
  expect({ reclaimed: pruned.reclaimed, held: pruned.held }).toEqual({
    reclaimed: outlook.reclaimed,
    held: outlook.held,
  });
  return pruned;
};

describe('prune', () => {
  test('frees and holds what its outlook says, to the byte', async () => {
    await make(1, undefined);
    await make(2, 'two:1');
    await make(2, 'also-two:1', 'other');
    const dangling = await pruneAsSaid({});
    expect(dangling).toMatchObject({ reclaimed: 0 });
    expect(dangling.held).toBeGreaterThan(50_000);
    const shared = await pruneAsSaid({ all: true, filters: { label: ['l=other'] } });
    // The other image has the same layer.
    expect(shared.held).toBe(4096);
    const all = await pruneAsSaid({ all: true, purge: true });
    expect(all.reclaimed).toBeGreaterThan(150_000);
    expect(opened.store.blobs.list()).toEqual([]);
    expect(opened.layers.list()).toEqual([]);
  });

  test('with a container that is about to go counts its image', async () => {
    const view = await make(1, 'one:1');
    await library.hold(view.id, { kind: 'container', id: 'c' });
    expect((await library.pruneOutlook({ all: true })).names).toEqual([]);
    const without = await library.pruneOutlook({ all: true, purge: true, without: new Set(['c']) });
    expect(without.names).toEqual([view.id]);
    await library.release({ kind: 'container', id: 'c' });
    expect((await pruneAsSaid({ all: true, purge: true })).reclaimed).toBe(without.reclaimed);
  });

  test('keeps the newest of each repository, and is undone as a whole', async () => {
    for (const version of [1, 2, 3]) await make(1, `app:${version}`, String(version));
    await make(1, 'web:1', 'web');
    await expect(library.prune({ keepLast: -1 })).rejects.toMatchObject({ kind: 'invalid-argument' });
    const { names } = await library.pruneOutlook({ keepLast: 1 });
    expect(names).toEqual(['app:2', 'app:1']);
    await pruneAsSaid({ keepLast: 1 });
    expect(library.list().flatMap((image) => image.RepoTags)).toEqual(['web:1', 'app:3']);
    const undone = await library.undo();
    expect(undone.names.toSorted()).toEqual(['app:1', 'app:2']);
    expect(library.list()).toHaveLength(4);
  });
});

describe('undo', () => {
  test('lists what can be brought back with what only that keeps, also after another start', async () => {
    const view = await make(1, 'one:1');
    await library.remove('one:1');
    await make(1, undefined);
    await opened[Symbol.asyncDispose]();
    await open();
    const [entry] = await library.deletions();
    // The layer is kept by the untagged image as well: the configuration alone counts.
    expect(entry).toMatchObject({ cause: 'rmi one:1', names: ['one:1'], images: [view.id] });
    expect(entry?.bytes).toBeLessThanOrEqual(4096);
    expect((await library.undo(view.id.slice(7, 19))).images).toEqual([view.id]);
    await expect(library.undo('one:1')).rejects.toMatchObject({ code: 'LIBRARY_NOTHING_TO_UNDO' });
    expect(library.resolve('one:1').id).toBe(view.id);
  });

  test('names the same layers as deleted that a removal for good names', async () => {
    await make(1, 'one:1');
    const kept = await library.remove('one:1');
    await library.undo();
    expect(await library.remove('one:1', { purge: true })).toEqual(kept);
    expect(kept).toHaveLength(3);
    expect(await library.deletions()).toEqual([]);
  });

  test('says which image is not whole because a repair took content of it away', async () => {
    for (const seed of [1, 2]) await make(seed, `image:${seed}`);
    const id = opened.store.images.reference('docker.io/library/image:1')?.image;
    if (id === undefined) throw new Error('image:1 has no image');
    await library.prune({ all: true });
    expect(await opened.store.space.quarantineBlob(id)).toBeDefined();
    const undone = await library.undo();
    expect(undone.images).toHaveLength(2);
    expect(undone.incomplete).toEqual([id]);
  });

  test('gives up the oldest first when room is needed', async () => {
    for (const seed of [1, 2]) {
      await make(seed, `image:${seed}`);
      await library.remove(`image:${seed}`);
    }
    expect(await library.letGoDeleted('oldest')).toBeGreaterThan(50_000);
    expect((await library.deletions()).map(({ cause }) => cause)).toEqual(['rmi image:2']);
    expect(await library.letGoDeleted('expired')).toBe(0);
    expect(await library.letGoDeleted('all')).toBeGreaterThan(100_000);
    expect(opened.layers.list()).toEqual([]);
  });
});
