import type { Readable } from 'node:stream';
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

/** A blob as the driver lists it. */
export interface StoredBlob {
  readonly digest: Digest;
  readonly size: number;
  readonly modifiedMs: number;
}

/**
 * Where blob bytes live. Contents are named by digest and shared by all repositories; who may see which blob is the
 * metadata's business. Nothing above this interface knows a file path.
 *
 * Guarantees: a blob that `stat` shows is whole and verified, also after a power cut; `commitUpload` is durable when it
 * resolves and idempotent for equal content; one session has one writer at a time (a second one gets
 * BLOBS_UPLOAD_BUSY).
 */
export interface BlobDriver extends AsyncDisposable {
  stat(digest: Digest): Promise<{ readonly size: number } | undefined>;
  /** Fails with BLOBS_UNKNOWN when it is opened, never later. */
  read(digest: Digest, range?: ByteRange): Promise<Readable>;
  /** Idempotent. */
  remove(digest: Digest): Promise<void>;
  list(): AsyncIterable<StoredBlob>;
  createUpload(repository: string, algorithm: 'sha256' | 'sha512'): Promise<UploadState>;
  upload(id: string): Promise<UploadState | undefined>;
  /** Appends; what arrived before a failure stays and counts. */
  appendUpload(id: string, source: AsyncIterable<Uint8Array>): Promise<UploadState>;
  /** Verifies, then publishes under `digest`. A wrong digest fails with BLOBS_DIGEST_INVALID and ends the session. */
  commitUpload(id: string, digest: Digest): Promise<{ readonly size: number }>;
  /** Idempotent. */
  removeUpload(id: string): Promise<void>;
  /** Ends sessions that nobody touched since `beforeMs`; answers how many. */
  sweepUploads(beforeMs: number): Promise<number>;
}
