import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { openDatabase, type Database } from '#database';
import type { DiffId } from '#oci';
import { mountsBelow } from './mount-table.ts';
import { writeTar, type TarSource } from '#tar';
import { layersMigrations } from './migrations.ts';
import { openLayerStore } from './open-layer-store.ts';
import { listTree } from './testing/tree-listing.ts';
import type { BackendName, LayerStore, UnpackOptions } from './types.ts';

/** A store on a root of its own, which disposing deletes. */
export interface TestStore extends AsyncDisposable {
  readonly path: string;
  readonly store: LayerStore;
  readonly database: Database;
  /** Closes the store and opens it again, as another process would. */
  reopen(): Promise<LayerStore>;
}

export const openTestStore = async (backend: BackendName): Promise<TestStore> => {
  const path = mkdtempSync(join(tmpdir(), 'lade-layers-'));
  const database = await openDatabase({ path: join(path, 'lade.db'), migrations: layersMigrations });
  let store = await openLayerStore({ path, database }, { backend });
  return {
    path,
    database,
    get store() {
      return store;
    },
    async reopen() {
      await store[Symbol.asyncDispose]();
      store = await openLayerStore({ path, database }, { backend });
      return store;
    },
    async [Symbol.asyncDispose]() {
      for (const snapshot of store.snapshots()) await snapshot.remove();
      await store[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      const left = mountsBelow(path);
      if (left.length > 0) throw new Error(`still mounted: ${left.map(({ target }) => target).join(' ')}`);
      rmSync(path, { recursive: true });
    },
  };
};

export { listTree };

export const tarBytes = async (sources: readonly TarSource[]): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(sources)) chunks.push(chunk);
  return Buffer.concat(chunks);
};

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Unpacks a layer of these entries. */
export const unpackEntries = async (
  store: LayerStore,
  sources: readonly TarSource[],
  options?: UnpackOptions,
): Promise<DiffId> => {
  const stream = Readable.from([await tarBytes(sources)]);
  const info = await store.unpack({ kind: 'stream', stream, compression: 'none' }, options);
  return info.diffId;
};

/** What the merged layers look like. */
export const listLayers = async (
  store: LayerStore,
  layers: readonly DiffId[],
): Promise<readonly string[]> => {
  await using view = await store.mountReadOnly(layers);
  return listTree(view.path);
};
