import type { Readable } from 'node:stream';
import type { OutboundGuard, ProxySettings } from '#http';
import type { Descriptor, Digest, Reference } from '#oci';

/** What authenticates at a registry, as Docker's configuration and its AuthConfig carry it. */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** A refresh token that the registry's token server gave out (`identitytoken`). */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** Sent as it is (`registrytoken`). */
  | { readonly kind: 'bearer'; readonly token: string };

/** Certificates or keys in PEM. */
export type Pem = string | Buffer | readonly (string | Buffer)[];

/** How one registry host is reached. */
export interface HostSettings {
  /** Asked in this order before the host itself, for pulling only. */
  readonly mirrors?: readonly Mirror[] | undefined;
  /**
   * Accepts any certificate, and plain HTTP where the host has no TLS. Loopback hosts are so unless this is false.
   */
  readonly insecure?: boolean | undefined;
  /** Speaks plain HTTP only. */
  readonly plainHttp?: boolean | undefined;
  /** Authorities to trust besides the system's. */
  readonly ca?: Pem | undefined;
  /** Client certificates and their keys, in the same order. */
  readonly cert?: Pem | undefined;
  readonly key?: Pem | undefined;
  /** The environment's proxies unless given. */
  readonly proxy?: 'none' | ProxySettings | undefined;
  /** Used where the caller brings none, and alone for a mirror. */
  readonly credentials?: Credentials | undefined;
}

/** A registry that has copies of what another one has. */
export interface Mirror extends Omit<HostSettings, 'mirrors'> {
  /** `host[:port]`, or a base URL without a path. */
  readonly address: string;
  /** Goes before the path of every repository, such as `hub/`; empty for none. */
  readonly prefix: string;
}

/** Settings by the domain of a reference (`docker.io`, `localhost:5000`); asked once for each domain and client. */
export type HostLookup = (domain: string) => HostSettings | Promise<HostSettings>;

export interface RegistryClientOptions {
  /** Asked when the registry wants to know who calls; `host` is the reference's domain (`docker.io`, `localhost:5000`). */
  readonly credentials?: ((host: string, repository: string) => Promise<Credentials | undefined>) | undefined;
  readonly hosts?: HostLookup | undefined;
  /** Told of what does not fail a call, such as a mirror that was passed over. */
  readonly notice?: ((message: string) => void) | undefined;
  readonly userAgent?: string | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** Decides where connections may go, redirects and token servers included; everywhere when absent. */
  readonly guard?: OutboundGuard | undefined;
}

export interface RetryPolicy {
  /** Tries in all, default 5. */
  readonly attempts?: number | undefined;
  /** First pause in milliseconds, doubled each time, default 300; a Retry-After header goes first. */
  readonly backoffMs?: number | undefined;
  /** Longest pause, default 30,000. */
  readonly maxBackoffMs?: number | undefined;
  /** A Retry-After header that says more than this many milliseconds is not waited for, default 120,000. */
  readonly maxRetryAfterMs?: number | undefined;
  /** Milliseconds without a byte after which a transfer counts as cut, default 60,000. */
  readonly idleMs?: number | undefined;
}

export interface Cancellable {
  readonly signal?: AbortSignal | undefined;
}

/** A manifest as the registry sent it; the digest is that of `bytes`. */
export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

export interface PushedManifest {
  readonly descriptor: Descriptor;
  /** Whether the registry said that it lists the manifest among those about its subject. */
  readonly listed: boolean;
}

export interface BlobOptions extends Cancellable {
  /** First byte wanted, default 0. */
  readonly start?: number | undefined;
  /** Bytes the whole blob must have. */
  readonly size?: number | undefined;
  /** Where the blob may be found when the registry lacks it, as the descriptors of foreign layers say. */
  readonly urls?: readonly string[] | undefined;
}

export interface FetchedBlob {
  /** Bytes of the whole blob. */
  readonly size: number;
  /** Bytes from `start` on (when `partial`) or from the beginning. Goes on by itself after a cut connection. */
  readonly stream: Readable;
  /** The same as it comes from the connection, chunk by chunk; for one reader, instead of `stream`. */
  readonly chunks: AsyncGenerator<Buffer>;
  /** Whether `start` was honoured. */
  readonly partial: boolean;
}

export interface PushBlobOptions extends Cancellable {
  /** Bytes of this blob sent so far; goes back when an upload starts over. */
  readonly onProgress?: ((sent: number) => void) | undefined;
}

export type MountResult = 'mounted' | 'upload-needed';

/** One repository of one registry. Every method fails with errors of this room, and stops when aborted. */
export interface RemoteRepository {
  readonly reference: Reference;
  /** Fetches the manifest of the reference (or of `target`, a tag or digest) and verifies its digest. */
  resolve(target?: string, options?: Cancellable): Promise<FetchedManifest>;
  /** The same by tag or digest; a digest's size is checked too when a descriptor is given. */
  manifest(target: string | Descriptor, options?: Cancellable): Promise<FetchedManifest>;
  /** What a tag or digest stands for, without its bytes; undefined when there is none. */
  head(target: string, options?: Cancellable): Promise<Descriptor | undefined>;
  /**
   * Opens a blob. The length is checked; the digest is checked by whoever writes the bytes down (`verifying` for
   * those who don't).
   */
  blob(digest: Digest, options?: BlobOptions): Promise<FetchedBlob>;
  /**
   * What `blob` gave for this digest was something else: the mirror it came from is not asked for it again. Answers
   * whether another place is left to ask.
   */
  distrust(digest: Digest): Promise<boolean>;
  /** Bytes of a blob, without fetching it; undefined when there is none. */
  blobSize(digest: Digest, options?: Cancellable): Promise<number | undefined>;
  /** Whether a push would find the blob there. */
  hasBlob(digest: Digest, options?: Cancellable): Promise<boolean>;
  /** Asks the registry to take the blob from another of its repositories. */
  mountBlob(digest: Digest, fromRepository: string, options?: Cancellable): Promise<MountResult>;
  /** Uploads; goes on where a cut connection stopped. `open` gives the content from `start` on, as often as asked. */
  pushBlob(
    descriptor: Pick<Descriptor, 'digest' | 'size'>,
    open: (start: number) => Readable,
    options?: PushBlobOptions,
  ): Promise<void>;
  /**
   * Stores the bytes under a tag or digest. A manifest with a subject becomes one of its referrers, also at registries
   * without the referrers API.
   */
  pushManifest(
    target: string,
    manifest: { readonly bytes: Buffer; readonly mediaType: string },
    options?: Cancellable,
  ): Promise<Descriptor>;
  /** Deletes a manifest (by digest) or a tag. */
  remove(target: string, options?: Cancellable): Promise<void>;
  /** All tags, page after page. */
  tags(options?: Cancellable): Promise<readonly string[]>;
  /** What refers to `digest` as its subject. */
  referrers(
    digest: Digest,
    options?: Cancellable & { readonly artifactType?: string | undefined },
  ): Promise<readonly Descriptor[]>;
}

export interface RegistryClient extends AsyncDisposable {
  repository(reference: Reference): RemoteRepository;
  /** Names of all repositories that the registry shows, page after page. */
  catalog(host: string, options?: Cancellable): AsyncGenerator<string>;
  /** Whether the host answers as a registry (and takes the credentials, where it asks for any). */
  ping(host: string, options?: Cancellable): Promise<void>;
  /** Proves credentials at the host; the token server's refresh token comes back where there is one. */
  checkLogin(
    host: string,
    credentials: Credentials,
    options?: Cancellable,
  ): Promise<{ readonly identityToken?: string | undefined }>;
}
