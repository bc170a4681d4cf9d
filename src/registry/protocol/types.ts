import type { AccessControl } from '#access';
import type { BlobDriver, KeyedLocks } from '#blobs';
import type { Digest } from '#oci';
import type { Cause, ManifestTarget, MetadataStore } from '#metadata';

/** Bytes and records of one registry, and the locks that keep publishing and removing the same digest apart. */
export interface RegistryStorage {
  readonly blobs: BlobDriver;
  readonly metadata: MetadataStore;
  readonly locks: KeyedLocks;
}

/** Keeps what a client is told to be here: it will refer to it soon. */
export interface Protection {
  /**
   * To be called, and waited for where it answers a promise, before looking whether the content is here for a HEAD (200)
   * or a mount (201): what is found then stays for the upload window. Harmless for what is not here.
   */
  promised(repository: string, digest: Digest): Promise<void> | undefined;
}

/** Fetches from other registries what is asked for under their names. */
export interface PullThrough {
  /** Whether the repository's content comes from an upstream. */
  covers(repository: string): boolean;
  /** Resolves when the manifest is in the metadata, fresh enough, or when the upstream has none. */
  ensureManifest(repository: string, target: ManifestTarget, cause: Cause): Promise<void>;
  /** Resolves when the blob is linked to the repository, or when the upstream has none. */
  ensureBlob(repository: string, digest: Digest, cause: Cause): Promise<void>;
}

/** Is told what the protocol did that nobody could otherwise know. Never throws. */
export interface ProtocolObserver {
  /** A manifest was sent (GET, not HEAD). */
  pulled?(pull: {
    readonly repository: string;
    readonly digest: Digest;
    readonly mediaType: string;
    readonly size: number;
    readonly tag: string | undefined;
    readonly cause: Cause;
  }): void;
  /** The registry's own fault: status 5xx. */
  failed?(failure: { readonly method: string; readonly path: string; readonly error: unknown }): void;
}

export interface ProtocolLimits {
  /** Bytes of a manifest, default 4 MiB. */
  readonly manifestBytes?: number | undefined;
  /** Bytes of a blob; without limit when absent. */
  readonly blobBytes?: number | undefined;
  /** Milliseconds without a byte of a body that is being sent, default 5 minutes; 0 waits for ever. */
  readonly bodyIdleMs?: number | undefined;
}

export interface ProtocolOptions {
  readonly storage: RegistryStorage;
  readonly access: AccessControl;
  readonly protection?: Protection | undefined;
  readonly upstreams?: PullThrough | undefined;
  readonly observer?: ProtocolObserver | undefined;
  readonly limits?: ProtocolLimits | undefined;
}
