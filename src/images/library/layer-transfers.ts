import type { Readable } from 'node:stream';
import type { Credentials, RemoteRepository } from '#distribution';
import type { Emit } from '#events';
import type { LayerInfo } from '#layers';
import type { Descriptor, DiffId, Digest, Reference } from '#oci';
import type { Lease } from '#store';
import { compressedLayer } from './compress-layer.ts';
import type { Context } from './context.ts';
import { fetchLayer } from './fetch-layer.ts';
import type { Cancellable, LibraryEvent } from './types.ts';

/** A repository to send layers to or fetch them from; its connections end when it is disposed. */
export interface OpenRepository extends AsyncDisposable {
  readonly repository: RemoteRepository;
}

/** Single layers as they travel, for what moves layers without images: caches of builds. */
export interface LayerTransfers {
  /** The compressed form of a stored layer, made once and kept; protected by the lease. */
  compressed(diffId: DiffId, options: Cancellable & { readonly lease: Lease }): Promise<Descriptor>;
  /** The bytes of a stored blob. */
  open(digest: Digest, start?: number): Readable;
  repository(reference: Reference, auth: Credentials | undefined): OpenRepository;
  /** Makes a layer present: fetched unless its blob is stored, verified, unpacked. `below` are the layers under it. */
  fetch(
    layer: { readonly descriptor: Descriptor; readonly diffId: DiffId; readonly below: readonly DiffId[] },
    from: Cancellable & {
      readonly repository: RemoteRepository;
      readonly lease: Lease;
      readonly emit: Emit<LibraryEvent>;
    },
  ): Promise<LayerInfo>;
}

export const createLayerTransfers = (context: Context): LayerTransfers => ({
  async compressed(diffId, options) {
    const { mediaType, digest, size } = await compressedLayer(context, diffId, options);
    await options.lease.protect('blob', digest);
    return { mediaType, digest, size };
  },
  open: (digest, start = 0) => context.store.blobs.stream(digest, { start }),
  repository(reference, auth) {
    const client = context.registryClientFor(auth);
    return {
      repository: client.repository(reference),
      [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
    };
  },
  fetch: (layer, from) => fetchLayer(context, layer, from),
});
