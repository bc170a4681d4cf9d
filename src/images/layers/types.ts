import type { Readable } from 'node:stream';
import type { Database } from '#database';
import type { DiffId } from '#oci';
import type { TarKind } from '#tar';
import type { CompareRequest, StackDifference } from './compare-types.ts';

export type BackendName = 'erofs' | 'directories';

/** The part of an open root that this room needs. */
export interface LayersRoot {
  readonly path: string;
  readonly database: Database;
}

export interface LayerStoreOptions {
  /** Found by a trial mount when absent. */
  readonly backend?: BackendName | undefined;
}

export interface LayerInfo {
  readonly diffId: DiffId;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
}

export type Compression = 'gzip' | 'zstd' | 'none' | 'auto';

/** A file that another task is still writing. */
export interface GrowingFile {
  /**
   * Resolves with the bytes present once they are more than `beyond`, or with `'end'` when the file is complete and
   * has none beyond. Rejects when the writer gave up.
   */
  available(beyond: number): Promise<number | 'end'>;
}

export type LayerSource =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly compression: Compression;
      readonly growing?: GrowingFile | undefined;
    }
  | {
      readonly kind: 'stream';
      /** A chunk is used until the next is asked for, no longer. */
      readonly stream: AsyncIterable<Uint8Array>;
      readonly compression: Compression;
    };

/** Keeps a new layer from garbage collection; a lease of the image store is one. */
export interface LayerLease {
  protect(kind: 'layer', key: string): Promise<void>;
}

export interface UnpackOptions {
  readonly lease?: LayerLease | undefined;
  /** Layers below, bottom first; lets a layer that depends on them be made ready at once. */
  readonly below?: readonly DiffId[] | undefined;
  /** Other layers are unpacked at the same time: this one keeps to one thread; threads share the layers by `bytes`. */
  readonly among?: { readonly bytes: number } | undefined;
  /** The digest the tar must have; another one is a `corrupt` error and leaves nothing. */
  readonly expected?: DiffId | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type SnapshotKind = 'container' | 'build';

export interface SnapshotRequest {
  /** Letters, digits, `_`, `.`, `-`. */
  readonly id: string;
  /** Bottom first. */
  readonly layers: readonly DiffId[];
  readonly kind: SnapshotKind;
  /** What is written goes with a crash of the machine, so that it need not wait for the disk; always so in builds. */
  readonly ephemeral?: boolean | undefined;
}

export interface Change {
  /** Absolute path inside the snapshot. */
  readonly path: string;
  readonly kind: 'added' | 'modified' | 'deleted';
}

export interface ChangesOptions {
  /** Absolute paths left out with all below them, such as mount points of the runtime. */
  readonly ignore?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CommitOptions extends ChangesOptions {
  readonly lease?: LayerLease | undefined;
  /** Later modification times become this one. */
  readonly clampTo?: Date | undefined;
}

/** Writable content above layers. Survives the process; `mount` brings it back after a restart. */
export interface Snapshot {
  readonly id: string;
  readonly kind: SnapshotKind;
  readonly layers: readonly DiffId[];
  /** Where the kernel keeps what was written, in overlay's own form. */
  readonly upperPath: string;
  /** Where the merged root is seen while mounted. */
  readonly mergedPath: string;
  readonly mounted: boolean;
  /** Mounts the merged root and returns its path; idempotent. */
  mount(): Promise<string>;
  /** Idempotent; what was written stays. */
  unmount(): Promise<void>;
  /** What differs from the layers, sorted by path, as `docker diff` shows it. */
  changes(options?: ChangesOptions): Promise<readonly Change[]>;
  /** Stores what differs as a new layer; undefined when nothing does. The snapshot stays as it is. */
  commit(options?: CommitOptions): Promise<LayerInfo | undefined>;
  /** Space that only this snapshot takes. */
  usage(): Promise<{ readonly bytes: number }>;
  /** Unmounts and deletes it. */
  remove(): Promise<void>;
}

/** A merged read-only view; ends when disposed. */
export interface LayersView extends AsyncDisposable {
  readonly path: string;
}

/** Content of a file for a new layer. */
export type EntrySource =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'path'; readonly path: string | Buffer }
  | { readonly kind: 'stream'; readonly stream: AsyncIterable<Uint8Array>; readonly size: number };

export interface LayerEntry {
  /** Relative to the root of the image, with or without a leading slash. */
  readonly path: string;
  readonly kind: TarKind;
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly mtimeNs?: bigint | undefined;
  readonly linkName?: string | undefined;
  readonly major?: number | undefined;
  readonly minor?: number | undefined;
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
  /** Only for files; absent means empty. */
  readonly source?: EntrySource | undefined;
  /** Sha256 of the content in hex, where the source makes sure of it: the next layer may take the file from this one. */
  readonly digest?: string | undefined;
}

/** Appends entries to a layer that is being written. Calls must not overlap. */
export interface LayerWriter {
  add(entry: LayerEntry): Promise<void>;
  /**
   * Appends a directory, a link or a file of known digest as a layer has it that was written lately, where all that is
   * given is the same. False without doing anything when there is none.
   */
  reuse(entry: Omit<LayerEntry, 'source'>): Promise<boolean>;
  /** Hides a path of the layers below. */
  whiteout(path: string): Promise<void>;
  /** Hides what the layers below have inside a directory. */
  opaque(path: string): Promise<void>;
}

export interface WriteLayerOptions {
  readonly lease?: LayerLease | undefined;
  /**
   * Lets the caller go on while the layer is being made durable and recorded: it is told of that, and may build on the
   * layer meanwhile.
   * Nobody else sees it before.
   */
  readonly ahead?: ((recorded: Promise<LayerInfo>) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LayerStore extends AsyncDisposable {
  readonly backend: BackendName;
  info(diffId: DiffId): LayerInfo | undefined;
  list(): readonly LayerInfo[];
  /**
   * Stores a layer. Idempotent; concurrent calls with the same `expected` share one job. An abort or a failure leaves
   * nothing.
   */
  unpack(source: LayerSource, options?: UnpackOptions): Promise<LayerInfo>;
  /** Stores a layer whose entries `write` appends; the same entries give the same layer. */
  writeLayer(write: (writer: LayerWriter) => Promise<void>, options?: WriteLayerOptions): Promise<LayerInfo>;
  /** The exact bytes of the uncompressed tar. */
  openTar(diffId: DiffId): Readable;
  tarPath(diffId: DiffId): string;
  /** Makes everything ready that mounting this stack needs. Done on demand otherwise. */
  prepare(layers: readonly DiffId[]): Promise<void>;
  createSnapshot(request: SnapshotRequest): Promise<Snapshot>;
  snapshot(id: string): Snapshot | undefined;
  snapshots(): readonly Snapshot[];
  /** A merged read-only view of the layers, bottom first. */
  mountReadOnly(layers: readonly DiffId[]): Promise<LayersView>;
  /**
   * What the roots of two stacks do not have alike, in batches, a directory before what lies in it. By the layers' tars:
   * nothing is mounted or unpacked. `not-found` when a layer is not here.
   */
  compare(request: CompareRequest): AsyncIterable<readonly StackDifference[]>;
  /**
   * Deletes a layer; a `conflict` error while a snapshot or a view uses it, nothing when it is absent. With `into`, a
   * free path on the same file system, its files are moved there instead, and the caller deletes them.
   */
  remove(diffId: DiffId, into?: string): Promise<void>;
  /** What to do when the disk is full while a layer is unpacked: it resolves with whether there is room now. */
  whenFull(makeRoom: () => Promise<boolean>): void;
  /**
   * Whether the forms of a layer are what its tar gives; `whole` too where that cannot be said: forms that are made for
   * one stack, and directories.
   */
  verifyForms(diffId: DiffId): Promise<'whole' | 'damaged' | 'missing'>;
  /** Makes the forms of a layer again from its tar. */
  remakeForms(diffId: DiffId): Promise<void>;
  /**
   * Unpacks a recorded layer again and puts it in the place of what is there, which is moved to `into`, a free path on
   * the same file system. What uses the old one keeps it until it ends.
   */
  replace(diffId: DiffId, source: LayerSource, into: string): Promise<void>;
  /** Deletes what a crash left; `openLayerStore` does it by itself. */
  sweep(): Promise<void>;
  /** Bytes on disk: each layer's tar and index. */
  usage(diffId: DiffId): Promise<{ readonly bytes: number }>;
}
