import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { openDatabase, type Database } from '#database';
import type { DiffId } from '#oci';
import { mountsBelow } from './mount-table.ts';
import { decodeName, fsPath, writeTar, type TarSource } from '#tar';
import { deviceOf, xattrsOf } from './below.ts';
import { layersMigrations } from './migrations.ts';
import { openLayerStore } from './open-layer-store.ts';
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

export interface ListingOptions {
  readonly times?: boolean | undefined;
  readonly directoryTimes?: boolean | undefined;
}

const contentOf = (path: string, kind: number): string => {
  if (kind === 0o100000) return sha256(readFileSync(fsPath(path)));
  return kind === 0o120000 ? decodeName(readlinkSync(fsPath(path), { encoding: 'buffer' })) : '';
};

/** One line for each file below a directory: everything a container could tell about it. */
export const listTree = (root: string, options: ListingOptions = {}): readonly string[] => {
  const first = new Map<bigint, string>();
  const visit = (path: string): string[] => {
    const host = `${root}${path}`;
    const stats = lstatSync(fsPath(host), { bigint: true });
    const kind = Number(stats.mode) & 0o170000;
    const link = kind === 0o040000 ? path : (first.get(stats.ino) ?? path);
    first.set(stats.ino, link);
    const withTime = kind === 0o040000 ? options.directoryTimes === true : options.times !== false;
    const line = [
      path === '' ? '/' : path,
      Number(stats.mode).toString(8),
      `${stats.uid}:${stats.gid}`,
      withTime ? stats.mtimeNs : '',
      kind === 0o100000 ? stats.size : '',
      kind === 0o020000 || kind === 0o060000 ? deviceOf(stats.rdev).join(',') : '',
      contentOf(host, kind),
      link === path ? '' : `= ${link}`,
      ...[...xattrsOf(host)].map(([name, value]) => `${name}=${value.toString('hex')}`).sort(),
    ].join(' ');
    if (kind !== 0o040000) return [line];
    const names = readdirSync(fsPath(host), { encoding: 'buffer' }).map(decodeName).sort();
    return [line, ...names.flatMap((name) => visit(`${path}/${name}`))];
  };
  return visit('');
};

/** What the merged layers look like. */
export const listLayers = async (
  store: LayerStore,
  layers: readonly DiffId[],
  options?: ListingOptions,
): Promise<readonly string[]> => {
  await using view = await store.mountReadOnly(layers);
  return listTree(view.path, options);
};
