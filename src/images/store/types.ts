import type { Readable } from 'node:stream';
import type { Database, Migration } from '#database';
import type { ManifestLists } from './manifest-lists.ts';
import type { Digest, DiffId, ImageId, Platform } from '#oci';
import type { CollectOptions, Collected, Content, Deletion, Deletions, Space } from './space-types.ts';

export interface RootOptions {
  readonly path: string;
  /** Of the other rooms that keep tables in this root; the store's own need not be named. */
  readonly migrations?: readonly Migration[] | undefined;
}

/** An open root directory, held exclusively by this process until disposed. */
export interface Root extends AsyncDisposable {
  readonly path: string;
  readonly database: Database;
}

export interface BlobInfo {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** What a lease can protect. */
export type ProtectedKind = 'blob' | 'layer' | 'ingest' | 'image';

export interface LeaseOptions {
  /**
   * Who holds it and what for, shown to people. A lease with a time takes over what past ones of the same label
   * protected, and ends them with itself.
   */
  readonly label: string;
  /**
   * How long what it protects outlives the process, or a `detach`, in milliseconds. Without it the lease ends with
   * the process.
   */
  readonly ttlMs?: number | undefined;
  /** Garbage collection removes no layer at all while this lease lives: for work that makes layers of unknown digest. */
  readonly everything?: boolean | undefined;
}

/**
 * Keeps garbage collection away from content that no record refers to yet. Disposing ends it at once; a lease that was
 * never disposed because the process died is ended by the next open, or when its time is over.
 */
export interface Lease extends AsyncDisposable {
  readonly id: string;
  readonly label: string;
  /** Protects, durably. Look whether the content is there only after this has resolved. */
  protect(kind: ProtectedKind, key: string): Promise<void>;
  /** Lets it live until its time is over instead of ending it when disposed; for work that will be taken up again. */
  detach(): void;
}

export interface Leases {
  create(options: LeaseOptions): Promise<Lease>;
  /**
   * Ends what earlier leases of this label kept to be taken up again, because nobody will; false when there were none.
   * Content goes with `collect`.
   */
  giveUp(label: string): Promise<boolean>;
}

export interface IngestOptions {
  /** Names the work, so that it can be taken up again: the same ref goes on where it stopped. */
  readonly ref: string;
  readonly lease: Lease;
  /** What the source promised; `write` and `commit` hold it to that. */
  readonly expected?:
    | { readonly digest?: Digest | undefined; readonly size?: number | undefined }
    | undefined;
}

/**
 * Content that arrives. Not visible as a blob before `commit` has resolved. Disposing without commit keeps what came
 * for a later ingest with the same ref.
 */
export interface Ingest extends AsyncDisposable {
  readonly ref: string;
  /** The growing file; `commit` moves it, and those who have it open keep reading. */
  readonly path: string;
  /** Bytes present, those of an earlier try included. */
  readonly offset: number;
  /** Appends. `corrupt` when more comes than was promised. Calls must not overlap. */
  write(chunk: Uint8Array): Promise<void>;
  /** Forgets what came so far and starts at offset 0. */
  restart(): Promise<void>;
  /**
   * Verifies, makes durable and visible as a blob. Idempotent for content that is there already. On `corrupt` what
   * came is deleted.
   */
  commit(expected?: {
    readonly digest?: Digest | undefined;
    readonly size?: number | undefined;
  }): Promise<BlobInfo>;
  /** Deletes what came. */
  abort(): Promise<void>;
}

export interface PutOptions {
  readonly lease: Lease;
  readonly digest?: Digest | undefined;
  /** False: its record is durable with the next durable write, which the caller makes. The bytes are durable anyhow. */
  readonly durable?: boolean | undefined;
}

export interface BlobStore {
  stat(digest: Digest): BlobInfo | undefined;
  /** Where the bytes are; the file exists only while `stat` finds the blob. */
  path(digest: Digest): string;
  /** All bytes, verified; `maxBytes` is 8 MiB unless given. */
  read(digest: Digest, options?: { readonly maxBytes?: number | undefined }): Promise<Buffer>;
  /** The same at once, for content of a few kilobytes that is about to be cached. Blocks the thread. */
  readNow(digest: Digest, options?: { readonly maxBytes?: number | undefined }): Buffer;
  /** Bytes from `start` up to, not including, `end`; not verified. */
  stream(
    digest: Digest,
    options?: { readonly start?: number | undefined; readonly end?: number | undefined },
  ): Readable;
  /** Stores a small blob, under this digest where one is given (`corrupt` when it is another's). Idempotent. */
  put(bytes: Uint8Array, options: PutOptions): Promise<BlobInfo>;
  /** Begins or resumes; `conflict` while the same ref is being written. */
  ingest(options: IngestOptions): Promise<Ingest>;
  list(): readonly BlobInfo[];
  /** The sizes of all, added up. */
  bytes(): number;
  /** Puts verified content in the place of a recorded blob's file, which is damaged or gone. `corrupt` if it is other content. */
  replace(digest: Digest, content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
}

export interface ManifestLink {
  readonly digest: Digest;
  readonly mediaType: string;
}

/** A compressed form of a layer. */
export interface LayerBlob extends BlobInfo {
  readonly mediaType: string;
}

/**
 * `image`: a root file system with its configuration. `artifact`: a manifest of anything else, or an index without
 * images; its ID is the digest of that manifest or index, and its configuration is not one of a container.
 */
export type ImageKind = 'image' | 'artifact';

export interface ImageRecord {
  readonly id: ImageId;
  readonly kind: ImageKind;
  readonly platform: Platform;
  /** RFC 3339. */
  readonly created: string | undefined;
  readonly parent: ImageId | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Manifests this image came with or was given. */
  readonly manifests: readonly ManifestLink[];
  /** Lowest first. */
  readonly diffIds: readonly DiffId[];
  /** Whether its layers were unpacked; those of other platforms are kept as blobs until somebody needs them. */
  readonly unpacked: boolean;
  /** Bytes of the uncompressed tars, in the order of `diffIds`; of the blobs while it is not unpacked. */
  readonly layerSizes: readonly number[];
  /** Their sum; of an artifact the bytes of its blobs. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly addedAt: number;
  /** When it last got a tag, in milliseconds since the epoch. */
  readonly taggedAt: number | undefined;
}

export interface NewImage {
  readonly id: ImageId;
  /** `image` unless given. */
  readonly kind?: ImageKind | undefined;
  readonly platform: Platform;
  readonly created?: string | undefined;
  readonly parent?: ImageId | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly layers: readonly { readonly diffId: DiffId; readonly size: number }[];
  /** False when the sizes are those of the blobs, since nothing is unpacked yet; true unless given. */
  readonly unpacked?: boolean | undefined;
  /** Instead of the sum of the layers' sizes. */
  readonly size?: number | undefined;
  readonly manifests?: readonly ManifestLink[] | undefined;
  /** Blobs it keeps beside its configuration and manifests: layers as transferred. */
  readonly blobs?: readonly Digest[] | undefined;
  /** Which of them are layers, compressed: what `layerBlobs` answers from now on. */
  readonly layerBlobs?: readonly (ManifestLink & { readonly diffId: DiffId })[] | undefined;
  /** Canonical `name:tag`s that now mean this image. */
  readonly tags?: readonly string[] | undefined;
  /** Canonical `name@digest`s. */
  readonly repoDigests?: readonly string[] | undefined;
  /** What those names resolved to. */
  readonly target?: ManifestLink | undefined;
}

/** What one manifest below an index is. */
export type MemberKind = 'image' | 'attestation' | 'artifact' | 'index';

interface MemberBase {
  readonly manifest: ManifestLink;
  readonly kind: MemberKind;
  /** The manifest that this one is about: of attestations and referrers. */
  readonly subject?: Digest | undefined;
  /** As the index says. */
  readonly platform?: Platform | undefined;
}

/** A manifest that belongs to a target and is stored. */
export interface TargetMember extends MemberBase {
  /** Of images. */
  readonly image: ImageId | undefined;
}

export interface NewMember extends MemberBase {
  /** Of images. */
  readonly image?: NewImage | undefined;
}

/**
 * What names were resolved to, with what is stored of it: an index with its platforms, attestations, artifacts and
 * indexes below it, or a single manifest; and manifests that refer to any of them.
 */
export interface TargetRecord extends ManifestLink {
  /** Those that are stored, in the order of the index, referrers last. */
  readonly members: readonly TargetMember[];
}

export interface NewTarget extends ManifestLink {
  /** Added to those that are known. */
  readonly members: readonly NewMember[];
  /** Content of members that are not images, and the manifests of all; the target's own bytes need not be named. */
  readonly blobs?: readonly Digest[] | undefined;
  /** The image that the names mean where no platform is asked for; one of the members, or stored already. */
  readonly image: ImageId;
  /** Canonical `name:tag`s that now mean this. */
  readonly tags?: readonly string[] | undefined;
  /** Canonical `name@digest`s. */
  readonly repoDigests?: readonly string[] | undefined;
}

export interface ImageReference {
  /** Canonical: `docker.io/library/alpine:3.20` or `docker.io/library/alpine@sha256:…`. */
  readonly reference: string;
  readonly kind: 'tag' | 'digest';
  /** The image it means where no platform is asked for. */
  readonly image: ImageId;
  /** What it was resolved to; undefined of images that were made here and have no manifest yet. */
  readonly target: ManifestLink | undefined;
}

/** A blob or an unpacked layer, and one of those who keep it. */
export interface Share {
  /** Digest or diff ID. */
  readonly key: Digest;
  /** Bytes of the blob, or of the layer's tar. */
  readonly size: number;
  /** The ID of an image or the digest of a target; undefined for somebody else. */
  readonly owner: Digest | undefined;
}

/** Every change is one transaction, durable when it resolves. */
export interface ImageRecords {
  get(id: ImageId): ImageRecord | undefined;
  /** Newest first by creation time. */
  list(): readonly ImageRecord[];
  byReference(reference: string): ImageRecord | undefined;
  /** IDs whose hex digits begin so. */
  findByIdPrefix(hexPrefix: string): readonly ImageId[];
  references(id?: ImageId): readonly ImageReference[];
  /** Who keeps each blob and each unpacked layer; reads everything. */
  shares(): readonly Share[];
  children(id: ImageId): readonly ImageId[];
  /** Records an image, or adds to the record that is there. All content must be stored already. */
  put(image: NewImage): Promise<ImageRecord>;
  /** The reference itself, with what it was resolved to. */
  reference(reference: string): ImageReference | undefined;
  /** A target that names mean, or meant until the next `collect`. */
  target(digest: Digest): TargetRecord | undefined;
  /** The names that were resolved to a target. */
  referencesTo(target: Digest): readonly ImageReference[];
  /** Images that have a layer. */
  withLayer(diffId: DiffId): readonly ImageId[];
  /** The targets that an image belongs to. */
  targetsOf(id: ImageId): readonly Digest[];
  /** Images without a name of their own that belong to a target with a name: not dangling, and not to be listed. */
  members(): ReadonlySet<ImageId>;
  /** Whether the image is one of `members`. */
  isMember(id: ImageId): boolean;
  /** Records a target with its members, images included, and gives it its names. Answers the image they mean. */
  putTarget(target: NewTarget): Promise<ImageRecord>;
  /** Lets the tag mean this image, and this target where it is given; returns the image it meant before. */
  tag(reference: string, id: ImageId, target?: ManifestLink): Promise<ImageId | undefined>;
  addRepoDigest(reference: string, id: ImageId, target?: ManifestLink): Promise<void>;
  /** Removes a tag or repo digest; false when there was none. With a deletion it can be brought back. */
  untag(reference: string, options?: { readonly deletion?: Deletion | undefined }): Promise<boolean>;
  /**
   * Removes the record and its references; `conflict` while something holds the image, unless that is to be ignored.
   * Content goes with `collect`.
   */
  remove(
    id: ImageId,
    options?: {
      readonly evenIfHeld?: boolean | undefined;
      /** Keeps record and content so that they can be brought back. */
      readonly deletion?: Deletion | undefined;
      /** Names that go before it in the same transaction: all of it happens, or nothing. */
      readonly untag?: readonly string[] | undefined;
    },
  ): Promise<void>;
  /** Blobs and layers that a record names. */
  content(id: ImageId): Content;
  /** Which of these layers nothing needs any more but what can be undone. */
  unneeded(diffIds: readonly DiffId[]): readonly DiffId[];
  /** Notes that images were used; cheap, and written at most once in a while. */
  touch(id: ImageId): void;
  /** When images were used last, in milliseconds since the epoch; those that never were are missing. */
  uses(): ReadonlyMap<ImageId, number>;
  /** The compressed forms of a layer that are stored. */
  layerBlobs(diffId: DiffId): readonly LayerBlob[];
  /** Remembers that this blob is that layer, compressed. */
  linkLayerBlob(diffId: DiffId, blob: LayerBlob): Promise<void>;
}

export interface Holder {
  /** Such as `container` or `build-cache`. */
  readonly kind: string;
  readonly id: string;
  /** Shown to people: a container's short ID or name. */
  readonly label?: string | undefined;
}

/** Keeps images, layers and blobs alive for rooms that lie above. */
export interface Holds {
  /** Durable. */
  hold(id: ImageId, holder: Holder): Promise<void>;
  /** In the place of all that this holder held before. Durable with the next durable record of the store. */
  holdContent(
    content: readonly { readonly kind: 'layer' | 'blob'; readonly key: Digest }[],
    holder: Holder,
  ): Promise<void>;
  /** Ends all holds of this holder. Durable. */
  release(holder: Pick<Holder, 'kind' | 'id'>): Promise<void>;
  holdersOf(id: ImageId): readonly Holder[];
  /** The same for all images that anything holds, at once. */
  holders(): ReadonlyMap<ImageId, readonly Holder[]>;
  /** All that holders of this kind keep, by holder. */
  heldBy(kind: string): readonly {
    readonly holder: Holder;
    readonly kind: ProtectedKind;
    readonly key: Digest;
  }[];
}

export interface ImageStore {
  readonly blobs: BlobStore;
  readonly images: ImageRecords;
  readonly leases: Leases;
  readonly holds: Holds;
  readonly deletions: Deletions;
  readonly lists: ManifestLists;
  readonly space: Space;
  /** Deletes blobs and layers that no record, hold or lease refers to. */
  readonly collect: (options?: CollectOptions) => Promise<Collected>;
}
