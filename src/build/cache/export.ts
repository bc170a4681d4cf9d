import { Readable } from 'node:stream';
import type { Credentials } from '#distribution';
import { toLadeError } from '#errors';
import type { Emit } from '#events';
import type { LayerStore } from '#layers';
import type { Library } from '#library';
import {
  encodeImageManifest,
  MEDIA_TYPES,
  parseReference,
  repositoryName,
  sha256Of,
  type Descriptor,
  type DiffId,
} from '#oci';
import { CACHE_MEDIA_TYPE, encodeCacheDocument, type ExchangedResult } from './document.ts';
import { cacheErrors } from './errors.ts';
import type { ImportedResults } from './imported-results.ts';
import { openCacheLayout } from './layout.ts';
import type { CacheEvent, CacheSpec } from './types.ts';

export interface CacheExport {
  readonly library: Library;
  readonly layers: Pick<LayerStore, 'info'>;
  readonly request: { readonly signal?: AbortSignal | undefined };
  /** Credentials for a repository in full. */
  readonly credentials: (repository: string) => Credentials | undefined;
  readonly imported: ImportedResults | undefined;
  readonly emit: Emit<CacheEvent>;
}

/** Where a cache is written to. */
interface Destination {
  has(descriptor: Descriptor): Promise<boolean>;
  put(descriptor: Descriptor, open: (start: number) => Readable): Promise<void>;
  /** Makes the cache's name mean this manifest. */
  name(manifest: Descriptor, bytes: Buffer): Promise<void>;
}

type Lease = Awaited<ReturnType<Library['lease']>>;

/** Layers sent at once. */
const SENDERS = 4;

const registryDestination = (
  { library, request, credentials }: CacheExport,
  name: string,
  stack: AsyncDisposableStack,
): Destination => {
  const reference = parseReference(name, { defaultTag: true });
  const auth = credentials(repositoryName(reference));
  const { repository } = stack.use(library.transfers.repository(reference, auth));
  const { signal } = request;
  return {
    has: ({ digest }) => repository.hasBlob(digest, { signal }),
    put: (descriptor, open) => repository.pushBlob(descriptor, open, { signal }),
    async name({ mediaType }, bytes) {
      await repository.pushManifest(reference.tag ?? 'latest', { bytes, mediaType }, { signal });
    },
  };
};

const localDestination = (path: string): Destination => {
  const layout = openCacheLayout(path);
  return {
    has: (descriptor) => layout.has(descriptor),
    put: (descriptor, open) => layout.put(descriptor, open(0)),
    async name(manifest, bytes) {
      await layout.put(manifest, Readable.from([bytes]));
      await layout.setEntry(manifest);
    },
  };
};

/** Sends a layer unless it is there; undefined when it is neither here nor there. */
const sendLayer = async (
  { library, layers, request, imported, emit }: CacheExport,
  destination: Destination,
  { diffId, lease }: { readonly diffId: DiffId; readonly lease: Lease },
): Promise<Descriptor | undefined> => {
  if (layers.info(diffId) === undefined) {
    const known = imported?.descriptorOf(diffId);
    return known !== undefined && (await destination.has(known)) ? known : undefined;
  }
  const descriptor = await library.transfers.compressed(diffId, { lease, signal: request.signal });
  if (!(await destination.has(descriptor))) {
    emit({ kind: 'status', message: `sending cache layer ${descriptor.digest}` });
    await destination.put(descriptor, (start) => library.transfers.open(descriptor.digest, start));
  }
  return descriptor;
};

const sendLayers = async (
  dependencies: CacheExport,
  destination: Destination,
  results: readonly ExchangedResult[],
  lease: Lease,
): Promise<ReadonlyMap<DiffId, Descriptor>> => {
  const waiting = [...new Set(results.flatMap(({ result }) => result.own ?? []))];
  const sent = new Map<DiffId, Descriptor>();
  const work = async (): Promise<void> => {
    for (let diffId = waiting.shift(); diffId !== undefined; diffId = waiting.shift()) {
      dependencies.request.signal?.throwIfAborted();
      const descriptor = await sendLayer(dependencies, destination, { diffId, lease });
      if (descriptor !== undefined) sent.set(diffId, descriptor);
    }
  };
  const stopping = (error: unknown): never => {
    waiting.length = 0;
    throw error;
  };
  // The lease and the connections end with this: nobody may be left who uses them.
  const ended = await Promise.allSettled(Array.from({ length: SENDERS }, () => work().catch(stopping)));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
  return sent;
};

const describe = (mediaType: string, bytes: Buffer): Descriptor => ({
  mediaType,
  digest: sha256Of(bytes),
  size: bytes.length,
});

const write = async (
  dependencies: CacheExport,
  destination: Destination,
  results: readonly ExchangedResult[],
): Promise<void> => {
  await using lease = await dependencies.library.lease({ label: 'build cache export' });
  const sent = await sendLayers(dependencies, destination, results, lease);
  const kept = results.filter(({ result }) => result.own === undefined || sent.has(result.own));
  const layers = new Map([...sent].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const config = encodeCacheDocument({ results: kept, layers });
  const described = describe(CACHE_MEDIA_TYPE, config);
  if (!(await destination.has(described)))
    await destination.put(described, (start) => Readable.from([config.subarray(start)]));
  const manifest = encodeImageManifest({
    mediaType: MEDIA_TYPES.ociManifest,
    artifactType: CACHE_MEDIA_TYPE,
    config: described,
    layers: [...layers.values()],
  });
  await destination.name(
    { ...describe(MEDIA_TYPES.ociManifest, manifest), artifactType: CACHE_MEDIA_TYPE },
    manifest,
  );
};

/**
 * Writes results where `--cache-to` says; only what is not there yet is sent.
 *
 * @throws `BUILDER_CACHE_NOT_WRITTEN`
 */
export const exportCache = async (
  dependencies: CacheExport,
  spec: Exclude<CacheSpec, { readonly kind: 'inline' }>,
  results: readonly ExchangedResult[],
): Promise<void> => {
  const { request, emit } = dependencies;
  const place = spec.kind === 'registry' ? spec.reference : spec.path;
  await using stack = new AsyncDisposableStack();
  try {
    const destination =
      spec.kind === 'registry'
        ? registryDestination(dependencies, spec.reference, stack)
        : localDestination(spec.path);
    emit({ kind: 'status', message: `writing the cache to ${place}` });
    await write(dependencies, destination, results);
  } catch (error) {
    request.signal?.throwIfAborted();
    throw cacheErrors.cacheNotWritten({ place, reason: toLadeError(error).message }, error);
  }
};

/** Results as an image's configuration carries them. */
export const inlineCache = (results: readonly ExchangedResult[]): string =>
  encodeCacheDocument({ results, layers: new Map() }).toString('base64');
