import type { Digest } from '#oci';
import type { Cause, Page } from './types.ts';

/** What removed something: a client, the collection, the rules of retention, or a check. */
export type RemovalKind = 'delete' | 'gc' | 'retention' | 'check';

/** How much a removal took away. */
export interface RemovalTotals {
  readonly manifests: number;
  readonly tags: number;
  readonly links: number;
  /** Bytes of the manifests and of the blobs that were unlinked, counted once for each repository. */
  readonly bytes: number;
}

export interface RemovalRecord {
  readonly id: string;
  readonly kind: RemovalKind;
  readonly actor: string;
  readonly startedMs: number;
  /** Absent while it runs, or when it was interrupted. */
  readonly finishedMs: number | undefined;
  readonly undoneMs: number | undefined;
  /** Since then it cannot be undone. */
  readonly purgedMs: number | undefined;
  readonly totals: RemovalTotals;
}

/** One thing that a removal took away. */
export interface RemovedItem {
  readonly kind: 'manifest' | 'tag' | 'blob';
  readonly repository: string;
  /** Absent for manifests and blobs. */
  readonly tag: string | undefined;
  readonly digest: Digest;
  readonly size: number;
  readonly reason: string;
}

/** A manifest as the rules see it. Times are milliseconds since 1970. */
export interface ManifestState {
  readonly digest: Digest;
  readonly size: number;
  readonly pushedMs: number;
  readonly subject: Digest | undefined;
  /** When a tag or an index last let go of it. */
  readonly releasedMs: number | undefined;
  /** When an undo brought it back. */
  readonly restoredMs: number | undefined;
  readonly pulledMs: number | undefined;
}

export interface TagState {
  readonly name: string;
  readonly digest: Digest;
  readonly pushedMs: number;
  readonly pulledMs: number | undefined;
}

/** `manifest` refers to `digest`. */
export interface EdgeState {
  readonly manifest: Digest;
  readonly digest: Digest;
}

export interface LinkState {
  readonly digest: Digest;
  readonly size: number;
  readonly linkedMs: number;
  /** Whether a manifest of the repository needs it. */
  readonly needed: boolean;
}

/** Entries of two-part keys after this one. */
export interface EdgePage {
  readonly limit: number;
  readonly after: EdgeState | undefined;
}

/** Something to be removed, and why. */
export interface ManifestRemoval {
  readonly digest: Digest;
  readonly pushedMs: number;
  readonly mediaType?: string | undefined;
  readonly size: number;
  readonly reason: string;
}

export interface TagRemoval {
  readonly name: string;
  readonly digest: Digest;
  readonly pushedMs: number;
  readonly reason: string;
}

/** What goes together or not at all: what refers to something stands before it. */
export interface RemovalUnit {
  readonly repository: string;
  readonly tags: readonly TagRemoval[];
  readonly manifests: readonly ManifestRemoval[];
}

export interface LinkRemoval {
  readonly repository: string;
  readonly digests: readonly Digest[];
  readonly reason: string;
  /** Links made or used since then stay. */
  readonly beforeMs: number;
}

export interface NewRemoval {
  readonly kind: RemovalKind;
  readonly cause: Cause;
}

/** What an undo brought back, and what it had to leave: tags that point elsewhere by now. */
export interface UndoResult {
  readonly manifests: number;
  readonly tags: number;
  readonly links: number;
  readonly left: readonly { readonly repository: string; readonly tag: string; readonly digest: Digest }[];
}

/**
 * Removing content in bulk so that it can be brought back. What a removal takes is gone for clients when the call
 * resolves; copies of the rows stay until they are purged, and so do the blobs they name. Every write checks in its own
 * transaction that what goes is still not needed.
 */
export interface CollectionStore {
  /** Every repository, those without a manifest included. */
  repositoryNames(page: Page): readonly string[];
  manifestStates(repository: string, page: Page): readonly ManifestState[];
  tagStates(repository: string, page: Page): readonly TagState[];
  /** Manifests listed by indexes. */
  indexEdges(repository: string, page: EdgePage): readonly EdgeState[];
  /** Blobs needed by manifests. */
  blobEdges(repository: string, page: EdgePage): readonly EdgeState[];
  linkStates(repository: string, page: Page): readonly LinkState[];
  /** How many repositories have each of these blobs. */
  linkCounts(digests: readonly Digest[]): ReadonlyMap<Digest, number>;
  /** What keeping remembers under a name. */
  state(name: string): string | undefined;
  /** Remembers, or forgets; `durable` unless it may be lost in a power cut. */
  setState(name: string, value: string | undefined, options?: { readonly durable?: boolean }): Promise<void>;
  /** Begins a removal and answers its id; it goes on with one of the same kind that was interrupted. */
  beginRemoval(removal: NewRemoval): Promise<string>;
  /** False: something of it is needed now, or changed; then nothing of it is removed. */
  removeUnit(removal: string, unit: RemovalUnit, cause: Cause): Promise<boolean>;
  /** Answers which were removed: those that no manifest needs. */
  removeLinks(removal: string, links: LinkRemoval): Promise<readonly Digest[]>;
  /** Ends a removal; one that removed nothing leaves no record. Durable, with everything before it. */
  finishRemoval(removal: string, cause: Cause): Promise<RemovalRecord | undefined>;
  removals(filter: { readonly limit: number; readonly clientDeletes: boolean }): readonly RemovalRecord[];
  removal(id: string): RemovalRecord | undefined;
  removedItems(id: string, page: { readonly limit: number; readonly offset: number }): readonly RemovedItem[];
  /** Brings back what a removal took, where nothing else has taken its place. */
  undoRemoval(id: string, cause: Cause): Promise<UndoResult>;
  /** Bytes of blobs that only removals still hold. */
  heldBytes(page: Page): {
    readonly bytes: number;
    readonly blobs: number;
    readonly last: string | undefined;
  };
  /** Ids of removals that ended before then and still hold something; they cannot be undone once `beginPurge` resolved. */
  expiredRemovals(beforeMs: number, limit: number): readonly string[];
  beginPurge(removals: readonly string[]): Promise<void>;
  /** Blobs that these removals hold. */
  heldBlobs(removals: readonly string[], limit: number): readonly Digest[];
  /**
   * Lets go of these blobs for these removals, and forgets those that nothing else holds. To be called under the locks
   * of the digests; their files may be removed afterwards. Answers what was forgotten.
   */
  purgeBlobs(removals: readonly string[], digests: readonly Digest[]): Promise<readonly Digest[]>;
  /** Forgets copies of manifests and tags, at most so many; answers whether any are left. */
  purgeRows(removals: readonly string[], limit: number): Promise<boolean>;
  /** Says that nothing of them is left. Deletes of clients leave no record. */
  endPurge(removals: readonly string[]): Promise<void>;
  /** Sizes of the blobs that are known. */
  blobSizes(digests: readonly Digest[]): ReadonlyMap<Digest, number>;
  /** Blobs that neither a repository nor a removal has: `limit` records from `after` are looked at. */
  unheldBlobs(page: Page): {
    readonly blobs: readonly { readonly digest: Digest; readonly size: number; readonly createdMs: number }[];
    readonly last: string | undefined;
  };
  /** Forgets blobs that nothing holds, under their locks; answers which. */
  forgetBlobs(digests: readonly Digest[]): Promise<readonly Digest[]>;
}

/** Pulls of one tag or digest. */
export interface PullCount {
  readonly repository: string;
  readonly kind: 'digest' | 'tag';
  readonly name: string;
  readonly count: number;
  readonly lastMs: number;
}

/** How often and when content was pulled. */
export interface PullStore {
  /** Adds counts; what was added shortly before a power cut may be lost. */
  addPulls(pulls: readonly PullCount[]): Promise<void>;
  pulls(repository: string): readonly PullCount[];
}
