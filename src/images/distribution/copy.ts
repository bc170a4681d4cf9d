import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { isLadeError } from '#errors';
import type { Emit } from '#events';
import {
  algorithmOf,
  digestOf,
  formatPlatform,
  isForeignLayer,
  isImageManifestType,
  isIndexType,
  parseManifest,
  selectPlatform,
  type Descriptor,
  type Digest,
  type IndexManifest,
  type Platform,
} from '#oci';
import { distributionErrors } from './errors.ts';
import { createPool, type Pool } from './pool.ts';
import type { Cancellable, FetchedManifest, RemoteRepository } from './types.ts';

const PARALLEL = 4;

/** Progress of a copy. */
export type CopyEvent =
  | {
      readonly kind: 'blob';
      readonly digest: Digest;
      readonly status:
        | 'Copying'
        | 'Copied'
        | 'Already exists'
        | 'Foreign layer stays'
        | `Mounted from ${string}`;
      /** Bytes. */
      readonly current?: number | undefined;
      readonly total?: number | undefined;
    }
  | { readonly kind: 'manifest'; readonly digest: Digest };

export interface CopyRequest extends Cancellable {
  /** Its reference says what to copy. */
  readonly source: RemoteRepository;
  /** Its reference says under which tag (or digest) it is kept. */
  readonly target: RemoteRepository;
  /** Copies one image of an index, rather than the index with all that it names. */
  readonly platform?: Platform | undefined;
  /** Also what refers to the copied manifests: signatures, attestations. */
  readonly referrers?: boolean | undefined;
}

interface Copy extends CopyRequest {
  readonly emit: Emit<CopyEvent>;
  readonly blobs: Pool<Digest, void>;
  /** Manifests that were copied or are being copied. */
  readonly seen: Set<Digest>;
}

/** Hashes each byte once, in the order of the blob, however often its parts are sent. */
const createCheck = ({ digest, size }: Descriptor, name: string, host: string) => {
  const algorithm = algorithmOf(digest);
  const hash = createHash(algorithm);
  let hashed = 0;
  return {
    take(chunk: Buffer, offset: number): void {
      const fresh = chunk.subarray(Math.min(Math.max(hashed - offset, 0), chunk.length));
      if (fresh.length === 0 || offset > hashed) return;
      hash.update(fresh);
      hashed += fresh.length;
      if (hashed < size) return;
      const actual = digestOf(algorithm, hash.copy().digest('hex'));
      if (actual !== digest)
        throw distributionErrors.digestMismatch({ host, name, expected: digest, actual });
    },
  };
};

async function* readBlob(
  { source, signal }: Copy,
  { digest, size, urls }: Descriptor,
  start: number,
): AsyncGenerator<readonly [chunk: Buffer, offset: number]> {
  const blob = await source.blob(digest, { start, size, urls, signal });
  let offset = blob.partial ? start : 0;
  for await (const chunk of blob.chunks) {
    const fresh = chunk.subarray(Math.min(Math.max(start - offset, 0), chunk.length));
    const at = offset + chunk.length - fresh.length;
    offset += chunk.length;
    if (fresh.length > 0) yield [fresh, at];
  }
}

const sendOnce = async (copy: Copy, blob: Descriptor): Promise<void> => {
  const { source, target, emit, signal } = copy;
  const { digest, size } = blob;
  const check = createCheck(blob, digest, source.reference.domain);
  const open = (start: number): Readable =>
    Readable.from(
      (async function* () {
        for await (const [chunk, offset] of readBlob(copy, blob, start)) {
          check.take(chunk, offset);
          yield chunk;
        }
      })(),
      { objectMode: false },
    );
  const onProgress = (current: number): void =>
    emit({ kind: 'blob', digest, status: 'Copying', current, total: size });
  await target.pushBlob({ digest, size }, open, { signal, onProgress });
};

/** Streams a blob across; once more from another place when a mirror lied. */
const send = async (copy: Copy, blob: Descriptor): Promise<void> => {
  for (;;) {
    try {
      return await sendOnce(copy, blob);
    } catch (error) {
      if (!isLadeError(error, 'corrupt') || !(await copy.source.distrust(blob.digest))) throw error;
    }
  }
};

const mount = async ({ source, target, signal }: Copy, digest: Digest): Promise<boolean> => {
  const [from, to] = [source.reference, target.reference];
  if (from.domain !== to.domain || from.path === to.path) return false;
  return (await target.mountBlob(digest, from.path, { signal })) === 'mounted';
};

const copyBlob = (copy: Copy, blob: Descriptor): Promise<void> => {
  const { source, target, emit, signal } = copy;
  const { digest } = blob;
  return copy.blobs(digest, async () => {
    const tell = (status: Extract<CopyEvent, { kind: 'blob' }>['status']): void =>
      emit({ kind: 'blob', digest, status });
    if (isForeignLayer(blob.mediaType)) return tell('Foreign layer stays');
    if (await target.hasBlob(digest, { signal })) return tell('Already exists');
    if (await mount(copy, digest)) return tell(`Mounted from ${source.reference.path}`);
    await send(copy, blob);
    return tell('Copied');
  });
};

const isManifest = ({ mediaType }: Descriptor): boolean =>
  isIndexType(mediaType) || isImageManifestType(mediaType);

/** Everything that a manifest names: other manifests one after the other, blobs side by side. */
const copyParts = async (copy: Copy, { bytes, descriptor }: FetchedManifest): Promise<void> => {
  const parsed = parseManifest(bytes, descriptor.mediaType);
  const named = parsed.kind === 'index' ? parsed.manifests : [parsed.config, ...parsed.layers];
  await Promise.all(named.filter((each) => !isManifest(each)).map((blob) => copyBlob(copy, blob)));
  for (const child of named.filter(isManifest)) await copyByDigest(copy, child);
};

const copyReferrers = async (copy: Copy, digest: Digest): Promise<void> => {
  if (copy.referrers !== true) return;
  const { signal } = copy;
  for (const referrer of await copy.source.referrers(digest, { signal })) await copyByDigest(copy, referrer);
};

const copyByDigest = async (copy: Copy, wanted: Descriptor): Promise<void> => {
  const { source, target, seen, emit, signal } = copy;
  if (seen.has(wanted.digest)) return;
  seen.add(wanted.digest);
  const fetched = await source.manifest(wanted, { signal });
  await copyParts(copy, fetched);
  const { mediaType, digest } = fetched.descriptor;
  await target.pushManifest(digest, { bytes: fetched.bytes, mediaType }, { signal });
  emit({ kind: 'manifest', digest });
  await copyReferrers(copy, digest);
};

const choose = (copy: CopyRequest, index: IndexManifest, platform: Platform): Descriptor => {
  const chosen = selectPlatform(index.manifests, platform);
  if (chosen !== undefined) return chosen;
  const offered = index.manifests.map((entry) =>
    entry.platform === undefined ? '?' : formatPlatform(entry.platform),
  );
  throw distributionErrors.platformMissing({
    host: copy.source.reference.domain,
    wanted: formatPlatform(platform),
    offered: offered.join(', ') || 'none',
  });
};

/** What is to be copied: what the reference names, or the image of one platform in it. */
const resolveTop = async (request: CopyRequest): Promise<FetchedManifest> => {
  const { source, platform, signal } = request;
  const top = await source.resolve(undefined, { signal });
  if (platform === undefined) return top;
  const parsed = parseManifest(top.bytes, top.descriptor.mediaType);
  return parsed.kind === 'image' ? top : source.manifest(choose(request, parsed, platform), { signal });
};

/**
 * Copies an image from one repository to another, blob by blob, without a store in between: what the target has stays,
 * repositories of one registry mount, everything else is streamed and verified. Manifests arrive last and byte for byte,
 * so digests stay what they are.
 */
export const copyImage = async (
  request: CopyRequest,
  emit: Emit<CopyEvent> = () => undefined,
): Promise<Descriptor> => {
  await using pool = createPool<Digest, void>(PARALLEL, request.signal);
  const copy: Copy = { ...request, signal: pool.signal, emit, blobs: pool.run, seen: new Set() };
  const top = await resolveTop(copy);
  const { digest, mediaType } = top.descriptor;
  const promised = copy.target.reference.digest;
  if (promised !== undefined && promised !== digest)
    throw distributionErrors.copyPromised({ promised, actual: digest });
  copy.seen.add(digest);
  await copyParts(copy, top);
  const { signal, target } = copy;
  const { reference } = target;
  await target.pushManifest(reference.tag ?? digest, { bytes: top.bytes, mediaType }, { signal });
  emit({ kind: 'manifest', digest });
  await copyReferrers(copy, digest);
  return top.descriptor;
};
