import type { Digest } from '#oci';
import type { Cause, Page } from './types.ts';

/** A manifest needs a blob. */
export interface NeedState {
  readonly repository: string;
  readonly manifest: Digest;
  readonly digest: Digest;
  /** Whether the repository has the blob. */
  readonly linked: boolean;
}

export interface Relink {
  readonly repository: string;
  readonly digest: Digest;
  readonly size: number;
  readonly cause: Cause;
}

/** What a check of everything reads, and how it mends records. */
export interface ScrubStore {
  /** Records of blobs, in order. */
  blobRecords(page: Page): readonly { readonly digest: Digest; readonly size: number }[];
  /**
   * Manifests with their bytes, in order; each once, whatever the number of repositories. No more than `maxBytes` of
   * them, but one at least.
   */
  manifestContents(
    page: Page & { readonly maxBytes: number },
  ): readonly { readonly digest: Digest; readonly bytes: Buffer }[];
  /** Which manifests need which blobs, in order. */
  needs(page: { readonly limit: number; readonly after: NeedState | undefined }): readonly NeedState[];
  /** Number of blobs, and their bytes. */
  blobTotals(): { readonly blobs: number; readonly bytes: number };
  /** Forgets a blob whose bytes are lost: clients see that it is not here, and push it again. */
  loseBlob(digest: Digest, cause: Cause): Promise<void>;
  /** Gives a repository a blob that is here, under the lock of the digest. */
  relinkBlob(relink: Relink): Promise<void>;
}
