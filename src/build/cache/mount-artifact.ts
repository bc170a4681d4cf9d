import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { verifying, type RemoteRepository } from '#distribution';
import { canonicalString, parseDigest, sha256Of, type Digest } from '#oci';
import type { CacheMountInfo } from '#steps';
import { cacheErrors } from './errors.ts';

/** What a cache is called in a registry. */
export const CACHE_ARTIFACT = 'application/vnd.lade.build.cache.v1';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const EMPTY = { mediaType: 'application/vnd.oci.empty.v1+json', bytes: Buffer.from('{}') } as const;
/** On the layer: the cache's id, and the digest of the plain tar. */
const ID = 'dev.lade.cache.id';
const DIFF_ID = 'dev.lade.cache.diff-id';
const CREATED = 'org.opencontainers.image.created';

interface Blob {
  readonly digest: Digest;
  readonly size: number;
}

/** Compresses into a file and tells what it became. */
const compressTo = async (file: string, tar: Readable, signal: AbortSignal | undefined): Promise<Blob> => {
  const hash = createHash('sha256');
  let size = 0;
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  await mkdir(dirname(file), { recursive: true });
  const sink = createWriteStream(file, { mode: 0o600 });
  const options = signal === undefined ? {} : { signal };
  await pipeline(tar, createGzip({ level: 1 }), counting, sink, options);
  return { digest: parseDigest(`sha256:${hash.digest('hex')}`), size };
};

interface PushTarget {
  readonly repository: RemoteRepository;
  /** Where the compressed tar may be written. */
  readonly file: string;
  readonly signal?: AbortSignal | undefined;
}

/** Pushes a tar as an artifact with one layer, whose annotations name the cache. */
export const pushCache = async (
  { repository, file, signal }: PushTarget,
  cache: CacheMountInfo,
  content: { readonly tar: () => Readable; readonly diffId: string },
): Promise<Blob> => {
  const layer = await compressTo(file, content.tar(), signal);
  const config: Blob = { digest: sha256Of(EMPTY.bytes), size: EMPTY.bytes.length };
  await repository.pushBlob(layer, (start) => createReadStream(file, { start }), { signal });
  await repository.pushBlob(config, (start) => Readable.from([EMPTY.bytes.subarray(start)]), { signal });
  const annotations = { [ID]: cache.id, [DIFF_ID]: content.diffId };
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    artifactType: CACHE_ARTIFACT,
    config: { mediaType: EMPTY.mediaType, ...config },
    layers: [{ mediaType: LAYER, ...layer, annotations }],
    annotations: { [CREATED]: new Date().toISOString() },
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const { reference } = repository;
  const target = reference.tag ?? sha256Of(bytes);
  const { digest } = await repository.pushManifest(target, { bytes, mediaType: MANIFEST }, { signal });
  return { digest, size: layer.size };
};

interface ArtifactManifest {
  readonly artifactType?: unknown;
  readonly layers?: readonly {
    readonly digest?: unknown;
    readonly size?: unknown;
    readonly annotations?: Readonly<Record<string, unknown>> | undefined;
  }[];
}

/** Opens the layer of an artifact that `pushCache` made; its bytes are verified as they are read. */
export const fetchCache = async (
  repository: RemoteRepository,
  { signal }: { readonly signal?: AbortSignal | undefined },
): Promise<{ readonly id: string; readonly stream: AsyncIterable<Uint8Array> }> => {
  const { bytes } = await repository.resolve(undefined, { signal });
  const manifest = JSON.parse(bytes.toString()) as ArtifactManifest;
  const [layer] = manifest.layers ?? [];
  const id = layer?.annotations?.[ID];
  const { digest, size } = layer ?? {};
  const sound = typeof id === 'string' && typeof digest === 'string' && typeof size === 'number';
  if (manifest.artifactType !== CACHE_ARTIFACT || !sound)
    throw cacheErrors.noCacheArtifact({ reference: canonicalString(repository.reference) });
  const wanted = parseDigest(digest);
  const blob = await repository.blob(wanted, { size, signal });
  const { domain: host } = repository.reference;
  const verified = verifying({ digest: wanted, size, host, name: wanted });
  // What fails on the way in fails the reader.
  pipeline(blob.stream, verified).catch(() => undefined);
  return { id, stream: verified };
};
