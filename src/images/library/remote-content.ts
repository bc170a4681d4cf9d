import type { FetchedManifest, RemoteRepository } from '#distribution';
import type { Emit } from '#events';
import { parseManifest, type Descriptor, type Manifest } from '#oci';
import type { Lease } from '#store';
import type { Context } from './context.ts';
import type { LibraryEvent } from './types.ts';

/** One repository, and what protects and stops what is fetched from it. */
export interface RemoteFetch {
  readonly repository: RemoteRepository;
  readonly lease: Lease;
  readonly signal?: AbortSignal | undefined;
  readonly emit: Emit<LibraryEvent>;
}

/** A manifest that is stored, byte for byte, under its digest. */
export interface RemoteManifest {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
}

/** Stores a manifest as it came, under the digest it was asked for by. */
export const keepManifest = async (
  context: Context,
  { descriptor, bytes }: FetchedManifest,
  lease: Lease,
): Promise<RemoteManifest> => {
  const manifest = parseManifest(bytes, descriptor.mediaType);
  await context.store.blobs.put(bytes, { lease, digest: descriptor.digest });
  const { digest, size } = descriptor;
  return { manifest, descriptor: { mediaType: manifest.mediaType, digest, size } };
};

/** The manifest that a descriptor names: from the store, from the descriptor's own data, or from the registry. */
export const fetchManifest = async (
  context: Context,
  descriptor: Descriptor,
  { repository, lease, signal }: RemoteFetch,
): Promise<RemoteManifest> => {
  const { blobs } = context.store;
  await lease.protect('blob', descriptor.digest);
  if (blobs.stat(descriptor.digest) !== undefined) {
    const { mediaType, digest, size } = descriptor;
    return {
      descriptor: { mediaType, digest, size },
      manifest: parseManifest(await blobs.read(digest), mediaType),
    };
  }
  const fetched =
    descriptor.data === undefined
      ? await repository.manifest(descriptor, { signal })
      : { descriptor, bytes: Buffer.from(descriptor.data) };
  // The entry says what it is, not the answer's headers.
  const named = { ...fetched.descriptor, mediaType: descriptor.mediaType };
  return keepManifest(context, { ...fetched, descriptor: named }, lease);
};

/** Makes a blob present, as the descriptor names it. */
export const fetchBlob = async (
  context: Context,
  descriptor: Descriptor,
  { repository, lease, signal }: RemoteFetch,
  onProgress?: (current: number) => void,
): Promise<void> => {
  await lease.protect('blob', descriptor.digest);
  if (context.store.blobs.stat(descriptor.digest) !== undefined) return;
  await context.downloads.fetch({ descriptor, repository, signal, onProgress }).finished;
};
