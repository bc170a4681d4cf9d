import type { Cause } from '#metadata';
import type { Digest } from '#oci';

/** What was done so far. */
export interface TransferTotals {
  repositories: number;
  tags: number;
  manifests: number;
  /** Blobs that were brought here, and their bytes. */
  blobs: number;
  bytes: number;
  /** Manifests and blobs that were here before. */
  present: number;
  warnings: number;
  failures: number;
}

/** How mirroring and importing go. */
export type TransferEvent =
  | { readonly kind: 'repository'; readonly repository: string }
  | {
      readonly kind: 'tag';
      readonly repository: string;
      readonly tag: string;
      readonly digest: Digest;
      /** `kept`: it points elsewhere here, and was not to be moved. */
      readonly state: 'set' | 'present' | 'kept' | 'removed';
    }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: Digest; readonly bytes: number }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'failure'; readonly repository: string; readonly message: string }
  | { readonly kind: 'done'; readonly totals: Readonly<TransferTotals> };

export interface TransferOptions {
  readonly cause: Cause;
  readonly emit: (event: TransferEvent) => void;
  readonly signal: AbortSignal;
}

/** Another registry, or some repositories of it, to be copied here. */
export interface MirrorRequest {
  /** `HOST[:PORT]` or `HOST[:PORT]/REPOSITORY`, perhaps with `http://` or `https://`. */
  readonly source: string;
  /** Goes before the names of the repositories. */
  readonly to?: string | undefined;
  /** Patterns of repositories, where the source names none. */
  readonly repositories?: readonly string[] | undefined;
  /** Patterns of tags (`v*`); all when absent. */
  readonly tags?: readonly string[] | undefined;
  /** Signatures, attestations and whatever else refers to what is copied; true by default. */
  readonly referrers?: boolean | undefined;
  /** Removes tags here that the source does not have. */
  readonly remove?: boolean | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly insecure?: boolean | undefined;
  /** What may be connected to although it is not public. */
  readonly allow?: readonly string[] | undefined;
}

/** A folder of this machine to be copied here. */
export interface ImportRequest {
  /** The storage of a docker-registry, or an OCI layout. */
  readonly path: string;
  /** Goes before the names of its repositories; for a layout, the name itself. */
  readonly to?: string | undefined;
  /** Moves tags that point elsewhere here. */
  readonly overwrite?: boolean | undefined;
  /** Whether blobs may become hard links to the files there; true by default. */
  readonly link?: boolean | undefined;
}
