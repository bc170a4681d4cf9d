import type { AccessControl, Caller } from '#access';
import type { BlobDriver, ByteRange, KeyedLocks } from '#blobs';
import type { Digest } from '#oci';
import type { Cause, ManifestTarget, MetadataStore, Referrer } from '#metadata';

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

/** Who wants what of an upstream. */
export interface PullRequest {
  readonly repository: string;
  readonly caller: Pick<Caller, 'may'>;
  readonly cause: Cause;
}

/** `stale` says why the upstream could not be asked whether a tag is still the same. */
export interface Freshness {
  readonly stale?: string | undefined;
}

/** A blob on its way from an upstream. */
export interface IncomingBlob extends AsyncDisposable {
  readonly size: number;
  /** The bytes as they come; the last ones only once the digest has been verified. */
  read(range: ByteRange, signal: AbortSignal): AsyncIterable<Buffer>;
}

/** Fetches from other registries what is asked for under their names. */
export interface PullThrough {
  /**
   * The name here of what a client asks for, with `?ns=` or without. Repeating it changes nothing.
   *
   * @throws a `not-found` error for a namespace that no upstream has
   */
  localName(repository: string, namespace: string | undefined): string;
  /** Whether the repository's content comes from an upstream. */
  covers(repository: string): boolean;
  /** What the upstream of a covered repository is called: OCI-Namespace. */
  namespaceOf(repository: string): string;
  /** @throws an error for pushes to a covered repository */
  refusePush(repository: string): void;
  /** Resolves when the manifest is in the metadata, fresh enough, or when the upstream has none. */
  ensureManifest(request: PullRequest & { readonly target: ManifestTarget }): Promise<Freshness>;
  /** Bytes of a blob that is not linked here; undefined when the upstream has none. */
  blobSize(request: PullRequest & { readonly digest: Digest }): Promise<number | undefined>;
  /**
   * Begins to fetch a blob, or takes part in a fetch that runs; undefined when it is linked by now, or when the upstream
   * has none.
   */
  openBlob(request: PullRequest & { readonly digest: Digest }): Promise<IncomingBlob | undefined>;
  /** A blob of a covered repository was here. */
  blobHit(repository: string): void;
  /** All tags in ASCII order; undefined when the upstream cannot say. */
  tags(repository: string): Promise<readonly string[] | undefined>;
  /** What has the digest as its subject, there or here, by digest. */
  referrers(repository: string, subject: Digest): Promise<readonly Referrer[]>;
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
  /** A blob was sent (GET, not HEAD), or a part of it from its beginning on. */
  pulledBlob?(pull: {
    readonly repository: string;
    readonly digest: Digest;
    readonly size: number;
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
