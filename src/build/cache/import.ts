import type { Credentials, RemoteRepository } from '#distribution';
import { toLadeError } from '#errors';
import type { Emit } from '#events';
import type { LayerStore } from '#layers';
import type { Library, LibraryEvent } from '#library';
import {
  hostPlatform,
  MAX_CONFIG_BYTES,
  MAX_MANIFEST_BYTES,
  parseImageConfig,
  parseManifest,
  parseReference,
  repositoryName,
  selectPlatform,
  sha256Of,
  type Descriptor,
  type ImageManifest,
} from '#oci';
import { CACHE_MEDIA_TYPE, MAX_DOCUMENT_BYTES, parseCacheDocument, type CacheDocument } from './document.ts';
import { cacheErrors } from './errors.ts';
import { createImportedResults, type CacheSource, type ImportedResults } from './imported-results.ts';
import { openCacheLayout } from './layout.ts';
import type { CacheEvent, CacheSpec } from './types.ts';

export interface CacheImport {
  readonly library: Library;
  readonly layers: LayerStore;
  readonly request: {
    readonly cacheFrom?: readonly CacheSpec[] | undefined;
    readonly signal?: AbortSignal | undefined;
  };
  /** Credentials for a repository in full. */
  readonly credentials: (repository: string) => Credentials | undefined;
  readonly emit: Emit<CacheEvent>;
  /** Ends with the build. */
  readonly stack: AsyncDisposableStack;
}

/** Reads what came from elsewhere; what cannot be read is told as a cache that is none, and never in a parser's words. */
const understood = <T>(what: string, read: () => T): T => {
  try {
    return read();
  } catch (error) {
    throw cacheErrors.badCache({ reason: `${what} cannot be understood` }, error);
  }
};

const EMPTY: CacheDocument = { results: [], layers: new Map() };

/** What an image says of itself when it was built with an inline cache. */
const inlineDocument = (manifest: ImageManifest, config: Buffer): CacheDocument => {
  const { buildCache, rootfs } = understood('its image configuration', () => parseImageConfig(config));
  if (buildCache === undefined) return EMPTY;
  const { results } = parseCacheDocument(Buffer.from(buildCache, 'base64'));
  const layers = rootfs.diffIds.flatMap((diffId, index) => {
    const descriptor = manifest.layers[index];
    return descriptor === undefined ? [] : [[diffId, descriptor] as const];
  });
  return { results, layers: new Map(layers) };
};

const documentOf = async (
  manifest: ImageManifest,
  read: (descriptor: Descriptor, most: number) => Promise<Buffer>,
): Promise<CacheDocument> => {
  const { config } = manifest;
  if (config.mediaType === CACHE_MEDIA_TYPE)
    return parseCacheDocument(await read(config, MAX_DOCUMENT_BYTES));
  return inlineDocument(manifest, await read(config, MAX_CONFIG_BYTES));
};

const readBlob = async (
  repository: RemoteRepository,
  { digest, size }: Descriptor,
  { most, signal }: { readonly most: number; readonly signal: AbortSignal | undefined },
): Promise<Buffer> => {
  if (size > most) throw cacheErrors.badCache({ reason: `${digest} is larger than ${most} bytes` });
  const { chunks } = await repository.blob(digest, { size, signal });
  const parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > size) break;
    parts.push(Buffer.from(chunk));
  }
  const bytes = Buffer.concat(parts);
  if (bytes.length !== size || sha256Of(bytes) !== digest)
    throw cacheErrors.badCache({ reason: `${digest} has other content` });
  return bytes;
};

const manifestOf = (bytes: Buffer, mediaType: string) =>
  understood('its manifest', () => parseManifest(bytes, mediaType));

/** The manifest of a cache, or of an image for this machine. */
const resolveManifest = async (
  repository: RemoteRepository,
  signal: AbortSignal | undefined,
): Promise<ImageManifest> => {
  const top = await repository.resolve(undefined, { signal });
  const manifest = manifestOf(top.bytes, top.descriptor.mediaType);
  if (manifest.kind === 'image') return manifest;
  const offered = manifest.manifests.flatMap((entry) =>
    entry.platform === undefined ? [] : [{ entry, platform: entry.platform }],
  );
  const chosen = selectPlatform(offered, hostPlatform())?.entry ?? manifest.manifests[0];
  if (chosen === undefined) throw cacheErrors.badCache({ reason: 'its index is empty' });
  const found = await repository.manifest(chosen, { signal });
  const inner = manifestOf(found.bytes, found.descriptor.mediaType);
  if (inner.kind === 'image') return inner;
  throw cacheErrors.badCache({ reason: 'its index names an index' });
};

const told =
  (emit: Emit<CacheEvent>): Emit<LibraryEvent> =>
  (event) => {
    if (event.kind !== 'layer') return;
    const { id, status, current, total } = event;
    emit({ kind: 'pull', step: undefined, id, status, current, total });
  };

const openRegistry = async (
  { library, request, credentials, emit, stack }: CacheImport,
  name: string,
): Promise<CacheSource> => {
  const reference = parseReference(name, { defaultTag: true });
  const auth = credentials(repositoryName(reference));
  const { repository } = stack.use(library.transfers.repository(reference, auth));
  const { signal } = request;
  const manifest = await resolveManifest(repository, signal);
  const document = await documentOf(manifest, (descriptor, most) =>
    readBlob(repository, descriptor, { most, signal }),
  );
  return {
    document,
    fetch: (layer, lease, aborted) =>
      library.transfers.fetch(layer, { repository, lease, signal: aborted, emit: told(emit) }),
  };
};

const openLocal = async ({ layers }: CacheImport, path: string): Promise<CacheSource> => {
  const layout = openCacheLayout(path);
  const entry = await layout.entry();
  if (entry === undefined) throw cacheErrors.badCache({ reason: `${path} has no index.json` });
  const manifest = manifestOf(await layout.read(entry.digest, MAX_MANIFEST_BYTES), entry.mediaType);
  if (manifest.kind !== 'image') throw cacheErrors.badCache({ reason: `${path} names an index` });
  return {
    document: await documentOf(manifest, ({ digest }, most) => layout.read(digest, most)),
    async fetch({ descriptor, diffId, below }, lease, signal) {
      const stream = layout.stream(descriptor);
      try {
        const source = { kind: 'stream', stream, compression: 'auto' } as const;
        await layers.unpack(source, { expected: diffId, below, lease, signal });
      } finally {
        await stream.return();
      }
    },
  };
};

const nameOf = (spec: CacheSpec): string => {
  if (spec.kind === 'inline') return 'inline';
  return spec.kind === 'registry' ? spec.reference : spec.path;
};

/** A cache that cannot be read holds up nothing: the build says so and goes on. */
const openSource = async (dependencies: CacheImport, spec: CacheSpec): Promise<readonly CacheSource[]> => {
  const { emit, request } = dependencies;
  if (spec.kind === 'inline') return [];
  try {
    const source = await (spec.kind === 'registry'
      ? openRegistry(dependencies, spec.reference)
      : openLocal(dependencies, spec.path));
    const { results } = source.document;
    emit({ kind: 'status', message: `cache ${nameOf(spec)} has ${results.length} results` });
    return [source];
  } catch (error) {
    request.signal?.throwIfAborted();
    const { message, hint } = toLadeError(error);
    const advice = hint === undefined || hint === '' ? '' : ` (${hint})`;
    const told = `the cache ${nameOf(spec)} cannot be used, the build goes on without it: ${message}${advice}`;
    emit({ kind: 'warning', message: told });
    return [];
  }
};

/** Opens the caches that `--cache-from` names; undefined when none is. Their layers stay where they are until used. */
export const openImports = (dependencies: CacheImport): Promise<ImportedResults> | undefined => {
  const specs = dependencies.request.cacheFrom ?? [];
  if (specs.length === 0) return undefined;
  const { library, layers, stack } = dependencies;
  let lease: ReturnType<Library['lease']> | undefined;
  stack.defer(async () => {
    await (await lease)?.[Symbol.asyncDispose]();
  });
  const opened = Promise.all(specs.map((spec) => openSource(dependencies, spec))).then((sources) =>
    createImportedResults(
      { layers, lease: () => (lease ??= library.lease({ label: 'build cache import' })) },
      sources.flat(),
    ),
  );
  // It may be given up before anything of the build waits for it.
  opened.catch(() => undefined);
  return opened;
};
