import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { RegistryClient } from '#distribution';
import type { LayerInfo, LayerStore } from '#layers';
import type { Library } from '#library';
import { parseReference, type Digest } from '#oci';
import { copyTree, stepsErrors, type CacheMountInfo, type CacheMounts } from '#steps';
import { fetchCache, pushCache } from './mount-artifact.ts';

export type { CacheMountInfo } from '#steps';

interface Work {
  readonly signal?: AbortSignal | undefined;
}

/** A tar of a cache; what it needed goes when disposed. */
export interface ExportedCache extends AsyncDisposable {
  readonly cache: CacheMountInfo;
  readonly stream: Readable;
  /** Bytes of the tar. */
  readonly size: number;
}

/** The caches of `RUN --mount=type=cache`, by id, by key, or by the beginning of a key. */
export interface Caches {
  list(): Promise<readonly CacheMountInfo[]>;
  /** Removes each that a name stands for. @throws `STEPS_CACHE_NOT_FOUND`, `STEPS_CACHE_IN_USE` */
  remove(name: string): Promise<readonly CacheMountInfo[]>;
  /** Packs a cache as it is when no step uses it; waits for that. */
  exportTar(name: string, work?: Work): Promise<ExportedCache>;
  /** Puts the files of a tar, plain or compressed, in the place of the cache `id`. */
  importTar(id: string, stream: AsyncIterable<Uint8Array>, work?: Work): Promise<CacheMountInfo>;
  /** Pushes a cache as an OCI artifact. */
  push(
    name: string,
    target: { readonly client: RegistryClient; readonly reference: string },
    work?: Work,
  ): Promise<{ readonly digest: Digest; readonly size: number }>;
  /** Fetches an artifact that `push` made; under its own id unless another is given. */
  pull(
    source: { readonly client: RegistryClient; readonly reference: string },
    options?: Work & { readonly id?: string | undefined },
  ): Promise<CacheMountInfo>;
}

interface CachesDependencies {
  readonly caches: CacheMounts;
  readonly layers: LayerStore;
  readonly library: Library;
  readonly scratch: string;
  /** Resolves when what a killed process left is gone. */
  readonly ready: Promise<unknown>;
}

const KEY_PREFIX = /^[0-9a-f]{4,32}$/u;

const named = (all: readonly CacheMountInfo[], name: string): readonly CacheMountInfo[] => {
  const byId = all.filter(({ id }) => id === name);
  if (byId.length > 0) return byId;
  const byKey = KEY_PREFIX.test(name) ? all.filter(({ key }) => key.startsWith(name)) : [];
  if (byKey.length === 0) throw stepsErrors.cacheNotFound({ id: name });
  return byKey;
};

/** Opens the caches for those who are not steps. */
export const createCaches = (dependencies: CachesDependencies): Caches => {
  const { caches, layers, library, scratch, ready } = dependencies;

  const list = async (): Promise<readonly CacheMountInfo[]> => {
    await ready;
    return await caches.list();
  };

  const one = async (name: string): Promise<CacheMountInfo> => {
    const found = named(await list(), name);
    // Copies of a private cache come after the first.
    const plain = found.filter(({ number, seeded }) => number === 0 && !seeded);
    const [only, another] = plain.length === 1 ? plain : found;
    if (only === undefined) throw stepsErrors.cacheNotFound({ id: name });
    if (another !== undefined)
      throw stepsErrors.cacheAmbiguous({ id: name, keys: found.map(({ key }) => key) });
    return only;
  };

  /** The files of a directory as a layer, which the caller protects. */
  const packed = async (
    directory: string,
    lease: Awaited<ReturnType<Library['lease']>>,
    { signal }: Work,
  ): Promise<LayerInfo | undefined> => {
    const snapshot = await layers.createSnapshot({ id: `cache-${randomUUID()}`, layers: [], kind: 'build' });
    try {
      await copyTree(directory, await snapshot.mount(), signal);
      return await snapshot.commit({ signal, lease });
    } finally {
      await snapshot.remove();
    }
  };

  /** An empty cache is an archive without entries. */
  const packedOrEmpty = async (
    key: string,
    lease: Awaited<ReturnType<Library['lease']>>,
    work: Work,
  ): Promise<LayerInfo> => {
    const made = await caches.alone(key, (directory) => packed(directory, lease, work), work.signal);
    return made ?? (await layers.writeLayer(() => Promise.resolve(), { lease, signal: work.signal }));
  };

  const withLayer = async (name: string, work: Work) => {
    const cache = await one(name);
    await using stack = new AsyncDisposableStack();
    const lease = stack.use(await library.lease({ label: 'cache' }));
    const layer = await packedOrEmpty(cache.key, lease, work);
    return { cache, layer, stack: stack.move() };
  };

  const importTar: Caches['importTar'] = async (id, stream, { signal } = {}) => {
    await ready;
    await using lease = await library.lease({ label: 'cache' });
    const source = { kind: 'stream', stream, compression: 'auto' } as const;
    const { diffId } = await layers.unpack(source, { lease, signal });
    await using view = await layers.mountReadOnly([diffId]);
    return await caches.replace(id, (directory) => copyTree(view.path, directory, signal));
  };

  return {
    list,
    importTar,
    async remove(name) {
      const found = named(await list(), name);
      const removed = await caches.remove(found.map(({ key }) => key));
      if (removed.length < found.length) throw stepsErrors.cacheInUse({ id: name });
      return removed;
    },
    async exportTar(name, work = {}) {
      const { cache, layer, stack } = await withLayer(name, work);
      const stream = layers.openTar(layer.diffId);
      return { cache, stream, size: layer.size, [Symbol.asyncDispose]: () => stack.disposeAsync() };
    },
    async push(name, { client, reference }, work = {}) {
      const { cache, layer, stack } = await withLayer(name, work);
      await using held = stack;
      const file = join(scratch, `cache-${randomUUID()}`);
      held.defer(() => rm(file, { force: true }));
      const repository = client.repository(parseReference(reference, { defaultTag: true }));
      return await pushCache({ repository, file, ...work }, cache, {
        tar: () => layers.openTar(layer.diffId),
        diffId: layer.diffId,
      });
    },
    async pull({ client, reference }, { id, signal } = {}) {
      const repository = client.repository(parseReference(reference, { defaultTag: true }));
      const fetched = await fetchCache(repository, { signal });
      return await importTar(id ?? fetched.id, fetched.stream, { signal });
    },
  };
};
