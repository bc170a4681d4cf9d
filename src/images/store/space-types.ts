import type { Digest, DiffId, ImageId } from '#oci';
import type { BlobInfo } from './types.ts';

/** Content by digest. */
export interface Content {
  readonly blobs: readonly Digest[];
  readonly layers: readonly DiffId[];
}

/** One removal, of one name or of many images, that can be undone until it expires. A value: nothing is written yet. */
export interface Deletion {
  readonly id: string;
  /** What was asked for, shown to people: `rmi shop/web`. */
  readonly cause: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** A deletion with what it removed. */
export interface KeptDeletion extends Deletion {
  readonly images: readonly ImageId[];
  readonly references: readonly { readonly reference: string; readonly image: ImageId }[];
}

export interface Restored {
  readonly images: readonly ImageId[];
  readonly references: readonly { readonly reference: string; readonly image: ImageId }[];
  /** Names that were given to another image meanwhile, and stay there. */
  readonly taken: readonly {
    readonly reference: string;
    readonly image: ImageId;
    readonly by: ImageId;
  }[];
  /** Names of images that were deleted later. */
  readonly lost: readonly string[];
}

/** What was removed and can be brought back. Durable; survives SIGKILL. */
export interface Deletions {
  begin(options: { readonly cause: string; readonly keepMs: number }): Deletion;
  /** Newest first. */
  list(): readonly KeptDeletion[];
  count(): number;
  /** The one that goes first when room is needed. */
  oldest(): Deletion | undefined;
  /** When the next one expires, in milliseconds since the epoch. */
  nextExpiry(): number | undefined;
  /** Brings everything back, or one image; `conflict` when every name was taken, `not-found` when there is nothing. */
  restore(id: string, image?: ImageId): Promise<Restored>;
  /** Gives up what they keep; the content returned may be free to collect. */
  letGo(ids: readonly string[]): Promise<Content>;
  expire(now: number): Promise<Content>;
}

/** How the collector reaches layers, whose room lies above this one. */
export interface LayerCollection {
  list(): readonly DiffId[];
  /** Layers that are in use although no record of the store says so. */
  inUse(): ReadonlySet<DiffId>;
  /** Forgets a layer and moves its files to `into`, a name that nothing has. */
  remove(diffId: DiffId, into: string): Promise<void>;
}

export interface CollectOptions {
  /** Also what detached leases keep to be taken up again. */
  readonly resumable?: boolean | undefined;
  readonly layers?: LayerCollection | undefined;
  /** Looks at nothing else: what has just lost a name. */
  readonly only?: Content | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Collected {
  readonly blobs: readonly BlobInfo[];
  readonly layers: readonly DiffId[];
  /** Bytes that the file system got back, once it has. */
  freed(): Promise<number>;
}

/** A compressed layer whose bytes a registry can give again. */
export interface Refetchable extends BlobInfo {
  /** When an image that has it was used last, in milliseconds since the epoch. */
  readonly usedAt: number;
}

/** What keeps content, as far as records say. */
export interface Keeping {
  /** Images that name it. */
  readonly images: readonly ImageId[];
  /**
   * Kinds of holders (`build-cache`, `undo` …), `index DIGEST` for a named index, `lease` for work that goes on,
   * `resumable` for work that may be taken up again.
   */
  readonly holders: readonly string[];
}

/** Who keeps what; answers without touching a file. */
export interface Ownership {
  readonly blobs: ReadonlyMap<Digest, Keeping>;
  readonly layers: ReadonlyMap<DiffId, Keeping>;
}

/** Letting go of what is not needed now. */
export interface Space {
  ownership(): Ownership;
  /** Partial content that a `resumable` collection would delete. */
  leftovers(): Promise<readonly string[]>;
  /** Least recently used first. */
  refetchable(): readonly Refetchable[];
  /** Deletes such blobs unless something uses them now; their images stay. Returns those that went. */
  letGo(blobs: readonly Digest[]): Promise<Collected>;
  /** A free path in quarantine/ for something damaged, named after what it was. */
  quarantinePlace(name: string): Promise<string>;
  /**
   * Takes a damaged blob out of the store: its file goes to quarantine, its record and what names it are forgotten.
   * Returns the path; undefined when there was no file.
   */
  quarantineBlob(digest: Digest): Promise<string | undefined>;
  /** Files among the blobs that no record names, and that no ingest is about to record. */
  strays(): Promise<readonly string[]>;
  /** What the database says is wrong with itself. */
  recordFaults(): readonly string[];
  /** Moves something away and deletes it behind the scenes. */
  discard(path: string): Promise<void>;
  /** What to do when the disk is full: it resolves with whether there is room now, and then the write is repeated. */
  whenFull(makeRoom: () => Promise<boolean>): void;
  /** Resolves when everything that was removed so far is off the disk. */
  settled(): Promise<void>;
  /** Bytes that removals have given back since the start; grows until `settled`. */
  freedBytes(): number;
}
