import type { Readable } from 'node:stream';
import type { Hono } from 'hono';
import type { Emit } from '#events';
import type { Digest } from '#oci';

/** Half-open range of bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** An upload session: bytes that are not yet a blob. */
export interface UploadState {
  readonly id: string;
  /** The only repository that may go on with it. */
  readonly repository: string;
  /** Bytes taken so far. */
  readonly size: number;
}

/**
 * Where blob bytes live. Contents are named by digest and shared by all repositories; who may see which blob is the
 * metadata's business.
 *
 * Guarantees: a blob that `stat` shows is whole and verified, also after a power cut; `commitUpload` is durable when it
 * resolves and idempotent for equal content; one session has one writer at a time (a second one gets
 * REGISTRY_UPLOAD_BUSY).
 */
export interface BlobDriver extends AsyncDisposable {
  stat(digest: Digest): Promise<{ readonly size: number } | undefined>;
  /** Fails with not-found when it is opened, never later. */
  read(digest: Digest, range?: ByteRange): Promise<Readable>;
  /** Idempotent. */
  remove(digest: Digest): Promise<void>;
  list(): AsyncIterable<{ readonly digest: Digest; readonly size: number; readonly modifiedMs: number }>;
  createUpload(repository: string, algorithm: 'sha256' | 'sha512'): Promise<UploadState>;
  upload(id: string): Promise<UploadState | undefined>;
  /** Appends; what arrived before a failure stays and counts. */
  appendUpload(id: string, source: AsyncIterable<Uint8Array>): Promise<UploadState>;
  /** Verifies, then publishes under `digest`. A wrong digest fails with REGISTRY_DIGEST_INVALID and ends the session. */
  commitUpload(id: string, digest: Digest): Promise<{ readonly size: number }>;
  /** Idempotent. */
  removeUpload(id: string): Promise<void>;
  /** Ends sessions that nobody touched since `beforeMs`; answers how many. */
  sweepUploads(beforeMs: number): Promise<number>;
}

/** Something happened that others may want to know. */
export type RegistryEvent =
  | {
      readonly kind: 'manifest-pushed' | 'manifest-pulled' | 'manifest-deleted';
      readonly repository: string;
      readonly digest: Digest;
      readonly mediaType: string;
      readonly tag?: string | undefined;
      readonly actor?: string | undefined;
    }
  | {
      readonly kind: 'blob-pushed' | 'blob-mounted' | 'blob-deleted';
      readonly repository: string;
      readonly digest: Digest;
      readonly actor?: string | undefined;
    }
  | {
      readonly kind: 'tag-deleted';
      readonly repository: string;
      readonly tag: string;
      readonly actor?: string | undefined;
    }
  | { readonly kind: 'failed'; readonly method: string; readonly path: string; readonly error: unknown }
  | { readonly kind: 'collected'; readonly blobs: number; readonly bytes: number; readonly uploads: number };

/** Who calls. */
export interface Identity {
  readonly name: string;
}

/** Decides who a caller is from the Authorization header. */
export interface Authenticator extends AsyncDisposable {
  /** Value of WWW-Authenticate. */
  readonly challenge: string;
  /** Undefined when the header proves nobody. */
  authenticate(authorization: string | undefined): Promise<Identity | undefined>;
}

export interface RegistryLimits {
  /** Bytes of a manifest, default 4 MiB. */
  readonly manifestBytes?: number | undefined;
  /** Milliseconds that content without references is kept, default one hour: uploads in flight need it. */
  readonly graceMs?: number | undefined;
  /** Milliseconds that an idle upload session is kept, default one week. */
  readonly uploadMs?: number | undefined;
}

export interface CollectOptions {
  /** In place of the configured grace. */
  readonly graceMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CollectResult {
  /** Blobs and bytes freed, upload sessions ended. */
  readonly blobs: number;
  readonly bytes: number;
  readonly uploads: number;
}

/** A registry: mount `app` on a server. */
export interface Registry {
  readonly app: Hono;
  /** Removes what nothing refers to. May run while serving. */
  collect(options?: CollectOptions): Promise<CollectResult>;
}

export interface RegistryOptions {
  readonly storage: RegistryStorage;
  /** Everybody may do everything when absent. */
  readonly auth?: Authenticator | undefined;
  readonly emit?: Emit<RegistryEvent> | undefined;
  readonly limits?: RegistryLimits | undefined;
}

/** Blobs and metadata of one registry. */
export interface RegistryStorage extends AsyncDisposable {
  readonly path: string;
  readonly blobs: BlobDriver;
  readonly metadata: MetadataStore;
}

import type { MetadataStore } from './metadata.ts';
export type { MetadataStore };
