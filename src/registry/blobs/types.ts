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

/** Reads what an upload session has taken, while it goes on and after it has become a blob or was given up. */
export interface UploadReader extends AsyncDisposable {
  /** Bytes from `position` on, at most `length`; fewer only where nothing more has been taken. */
  read(position: number, length: number): Promise<Buffer>;
}

export interface AppendOptions {
  /** Called with each chunk that the driver no longer needs, so that its memory can be freed. */
  readonly used?: ((chunk: Uint8Array) => void) | undefined;
}

export interface TakeOptions {
  /** Whether a hard link may do: then nobody may ever write into the file. */
  readonly link: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What a driver that keeps blobs as files on this machine can do besides: no byte passes through the process. */
export interface BlobFiles {
  /**
   * Makes a blob of a file somewhere else, which stays as it is: by reflink, hard link or copy. Verified and durable.
   *
   * @throws BLOBS_DIGEST_INVALID
   */
  take(path: string, digest: Digest, options: TakeOptions): Promise<'linked' | 'copied' | 'there'>;
  /** Copies a blob to a path; the file is there whole and synced, or not at all. */
  give(digest: Digest, path: string): Promise<void>;
}

/**
 * Content of a blob, opened: whoever has it uses it once, or disposes it. Small ones are there as a whole; what lies in a
 * file of this machine is given as its open descriptor, so that the kernel may send it; everything else is a stream.
 */
export type BlobContent = AsyncDisposable &
  (
    | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
    | {
        readonly kind: 'region';
        readonly region: { readonly fd: number; readonly start: number; readonly end: number };
      }
    | { readonly kind: 'stream'; readonly stream: Readable }
  );

export interface VerifyOptions {
  /** Is told of each piece that was read, and waited for: that bounds the rate. */
  readonly read?: ((bytes: number) => Promise<void> | void) | undefined;
  readonly signal?: AbortSignal | undefined;
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
  /** To be sent. Fails with BLOBS_UNKNOWN when it is opened, never later: what is removed meanwhile is still whole. */
  open(digest: Digest, range?: ByteRange): Promise<BlobContent>;
  /** The same as a stream. */
  read(digest: Digest, range?: ByteRange): Promise<Readable>;
  /** Idempotent. */
  remove(digest: Digest): Promise<void>;
  /** Reads the stored bytes again, past everything kept in memory, and says whether they are what the digest says. */
  verify(digest: Digest, options?: VerifyOptions): Promise<'whole' | 'corrupt' | 'missing'>;
  /** Moves the bytes aside, never to be served again; whether there were any. Somebody may look at them later. */
  quarantine(digest: Digest): Promise<boolean>;
  /** Every blob that is there from the beginning to the end; those that come or go meanwhile, or not. */
  list(): AsyncIterable<StoredBlob>;
  createUpload(repository: string, algorithm: 'sha256' | 'sha512'): Promise<UploadState>;
  upload(id: string): Promise<UploadState | undefined>;
  /** Appends; what arrived before a failure stays and counts. */
  appendUpload(id: string, source: AsyncIterable<Uint8Array>, options?: AppendOptions): Promise<UploadState>;
  /** Opens what a session has taken. @throws BLOBS_UPLOAD_UNKNOWN */
  openUpload(id: string): Promise<UploadReader>;
  /**
   * Verifies, then publishes under `digest`. A wrong digest fails with BLOBS_DIGEST_INVALID. The session ends, whatever comes
   * of it: after a disk that failed nobody knows what became of its bytes.
   */
  commitUpload(id: string, digest: Digest): Promise<{ readonly size: number }>;
  /** Idempotent. */
  removeUpload(id: string): Promise<void>;
  /** Ends sessions that nobody touched since `beforeMs`; answers how many. */
  sweepUploads(beforeMs: number): Promise<number>;
  /** Absent where blobs are no files. */
  readonly files?: BlobFiles | undefined;
}
