import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { mountsBelow } from '../mount-table.ts';
import { openTestStore, type TestStore } from '../testing.ts';
import type { BackendName, LayerStore } from '../types.ts';

/** One store for all tests of a suite. It is as new before each: after a test its snapshots and layers are removed. */
export interface SharedStore {
  readonly path: string;
  readonly store: LayerStore;
  /** Closes the store and opens it again, as another process would. */
  reopen(): Promise<LayerStore>;
  /** What is left in the folder of layers besides whole layers. */
  leftovers(): readonly string[];
}

export const sharedStore = (backend: BackendName): SharedStore => {
  const all: TestStore[] = [];
  const opened = (): TestStore => {
    const [own] = all;
    if (own === undefined) throw new Error('no test runs');
    return own;
  };
  const leftovers = (): readonly string[] =>
    readdirSync(join(opened().path, 'layers')).filter((name) => !/^[0-9a-f]{64}$/.test(name));
  beforeAll(async () => {
    all.push(await openTestStore(backend));
  });
  afterAll(() => opened()[Symbol.asyncDispose]());
  afterEach(async () => {
    const { store, path } = opened();
    for (const snapshot of store.snapshots()) await snapshot.remove();
    for (const { diffId } of store.list()) await store.remove(diffId);
    expect(leftovers()).toEqual([]);
    expect(mountsBelow(path)).toEqual([]);
  });
  return {
    get path() {
      return opened().path;
    },
    get store() {
      return opened().store;
    },
    reopen: () => opened().reopen(),
    leftovers,
  };
};
