import type { Readable } from 'node:stream';
import type { Credentials, RegistryClient } from '#distribution';
import type { Emit } from '#events';
import type { LayerStore } from '#layers';
import type { Digest, DiffId, ImageConfig, ImageId } from '#oci';
import type { Collected, Content, Holder, Holds, ImageRecord, ImageStore, Lease, LeaseOptions } from '#store';

import type { Assembly, AssemblyRequest } from './assembly-types.ts';
import type { DiffRequest, ImageDiff } from './diff-types.ts';
import type { LayerTransfers } from './layer-transfers.ts';
import type { ImageLists } from './list-types.ts';
import type { AssemblyArchive } from './save-assembly.ts';
import type {
  HistoryItem,
  ImageInspect,
  ImageSummary,
  InspectOptions,
  ListOptions,
  ResolveOptions,
} from './view-types.ts';

export type {
  HistoryItem,
  ImageInspect,
  ImageSummary,
  InspectOptions,
  ListOptions,
  ManifestSummary,
  ResolveOptions,
} from './view-types.ts';

export type LayerStatus =
  | 'Pulling fs layer'
  | 'Waiting'
  | 'Downloading'
  | 'Verifying Checksum'
  | 'Download complete'
  | 'Extracting'
  | 'Pull complete'
  | 'Already exists'
  | 'Preparing'
  | 'Pushing'
  | 'Pushed'
  | 'Layer already exists'
  | `Mounted from ${string}`
  | 'Loading layer';

/** Progress of pull, push and load, in Docker's words. */
export type LibraryEvent =
  | {
      readonly kind: 'layer';
      /** Twelve hex digits: of the blob when pulling, of the diff ID when pushing or loading. */
      readonly id: string;
      readonly status: LayerStatus;
      /** Bytes. */
      readonly current?: number | undefined;
      readonly total?: number | undefined;
    }
  | { readonly kind: 'status'; readonly message: string; readonly id?: string | undefined }
  /** An image was loaded; `message` is Docker's line for it. */
  | {
      readonly kind: 'loaded';
      readonly image: ImageId;
      readonly reference?: string | undefined;
      readonly message: string;
    };

export type ImageAction =
  | 'pull'
  | 'push'
  | 'tag'
  | 'untag'
  | 'delete'
  | 'import'
  | 'load'
  | 'save'
  | 'create'
  | 'prune';

/** What happened to an image, for `docker events`. */
export interface ImageEvent {
  readonly kind: 'image';
  readonly action: ImageAction;
  /** A reference for pull and push, an ID otherwise. */
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface LibraryDependencies {
  readonly store: ImageStore;
  readonly layers: LayerStore;
  /** A client for one operation, which disposes it, after its end when others wait for what it transfers. */
  readonly registryClientFor: (auth: Credentials | undefined) => RegistryClient;
  readonly emit?: Emit<ImageEvent> | undefined;
  /** Whether the container that holds an image runs; a stopped one lets go of its image when forced. */
  readonly isRunning?: ((containerId: string) => boolean) | undefined;
  /** How long deleted images can be brought back, in milliseconds; 0, and nothing, mean not at all. */
  readonly keepDeletedMs?: (() => number) | undefined;
}

export interface Cancellable {
  readonly signal?: AbortSignal | undefined;
}

/** An image with its names. */
export interface ImageView {
  readonly id: ImageId;
  readonly config: ImageConfig;
  /** Bytes of the uncompressed layers. */
  readonly size: number;
  readonly record: ImageRecord;
  /** As Docker shows them: `alpine:3.20`. */
  readonly tags: readonly string[];
  /** `alpine@sha256:…`. */
  readonly repoDigests: readonly string[];
}

export interface PullRequest extends Cancellable {
  readonly reference: string;
  /** The image wanted; with `allPlatforms`, the one that the name means. */
  readonly platform?: string | undefined;
  /**
   * Everything that the name resolves to: all platforms of an index, attestations, artifacts, and what refers to any of
   * them, so that it can be pushed or saved as it is. Only the image that the name means is unpacked.
   */
  readonly allPlatforms?: boolean | undefined;
  /**
   * The image is wanted for itself: where the name means one for this machine already, and the registry still says the
   * same, it goes on meaning that.
   */
  readonly aside?: boolean | undefined;
  /** Also what refers to the image: signatures, bills of materials. */
  readonly referrers?: boolean | undefined;
  readonly auth?: Credentials | undefined;
}

export interface PushRequest extends Cancellable {
  readonly reference: string;
  /** Only the image for this `os/arch[/variant]` of what the name means. */
  readonly platform?: string | undefined;
  readonly auth?: Credentials | undefined;
}

export interface Pushed {
  readonly tag: string;
  /** Of the manifest or index. */
  readonly digest: Digest;
  readonly size: number;
}

export interface RemoveOptions {
  readonly force?: boolean | undefined;
  /** Also parents that nothing names; true unless given. */
  readonly prune?: boolean | undefined;
  /** `os/arch[/variant]`: only the images for these of an index, not its name. */
  readonly platforms?: readonly string[] | undefined;
}

export type Removal = { readonly untagged: string } | { readonly deleted: string };

export interface SaveOptions extends Cancellable {
  /** `os/arch[/variant]`: only these images of an index; `not-found` when one is not here. All unless given. */
  readonly platforms?: readonly string[] | undefined;
  /** Images whose layers the other side has: they are left out. */
  readonly since?: readonly string[] | undefined;
}

export interface LoadOptions extends Cancellable {
  /** `os/arch[/variant]`: only images for one of these. All that the archive has unless given. */
  readonly platforms?: readonly string[] | undefined;
  /** What its image is called, instead of what the archive says; canonical. For archives of one image. */
  readonly names?: { readonly tags: readonly string[]; readonly repoDigests: readonly string[] } | undefined;
  /**
   * What the caller knows of a file before it is read: the layer it is. It gets the path, and the documents that came
   * before it.
   */
  readonly knownLayer?:
    | ((path: string, document: (path: string) => Buffer | undefined) => DiffId | undefined)
    | undefined;
}

export interface ImportRequest extends Cancellable {
  /** A tar of a root file system, plain or compressed as archives may be. */
  readonly stream: Readable;
  /** Where it comes from, for the history; `-` unless given. */
  readonly source?: string | undefined;
  readonly reference?: string | undefined;
  /** Dockerfile lines: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR. */
  readonly changes?: readonly string[] | undefined;
  readonly message?: string | undefined;
  readonly platform?: string | undefined;
}

export interface CreateImageRequest {
  /** With rootfs and history complete; its layers are stored already. */
  readonly config: ImageConfig;
  readonly tags?: readonly string[] | undefined;
  readonly parent?: ImageId | undefined;
  /** Protects what is recorded, and lives longer than the call; one of its own unless given. */
  readonly lease?: Lease | undefined;
}

export interface PruneRequest {
  /** All images that no container holds, rather than only untagged ones. */
  readonly all?: boolean | undefined;
  /** `until`, `label`, `label!`. */
  readonly filters?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Also tags beyond the newest so many of their repository. */
  readonly keepLast?: number | undefined;
  /** Frees the space at once, also that of earlier deletions: nothing can be undone. */
  readonly purge?: boolean | undefined;
  /** What was asked for, shown by `undo ls`; `image prune` unless given. */
  readonly cause?: string | undefined;
  /** Containers that will be gone, and so hold nothing; for an outlook. */
  readonly without?: ReadonlySet<string> | undefined;
  /** Kinds of holders that will be gone; for an outlook. */
  readonly holders?: readonly string[] | undefined;
}

export interface Pruned {
  readonly removed: readonly Removal[];
  /** Bytes that the file system got back. */
  readonly reclaimed: number;
  /** Bytes that are kept so that this can be undone. */
  readonly held: number;
}

/** What a prune would do. */
export interface PruneOutlook {
  /** Names, and IDs of images without one. */
  readonly names: readonly string[];
  readonly reclaimed: number;
  readonly held: number;
  readonly gone: {
    readonly images: ReadonlySet<ImageId>;
    readonly holders: ReadonlySet<string>;
    readonly snapshots: ReadonlySet<string>;
  };
}

/** A deletion that can be undone, with names as Docker shows them. */
export interface UndoEntry {
  readonly id: string;
  readonly cause: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly images: readonly ImageId[];
  readonly names: readonly string[];
  /** Bytes on disk that only this entry keeps. */
  readonly bytes: number;
}

export interface Undone {
  readonly images: readonly ImageId[];
  readonly names: readonly string[];
  /** Names that mean another image now and were left there. */
  readonly taken: readonly { readonly name: string; readonly image: ImageId; readonly by: ImageId }[];
  /** Names whose image was deleted later. */
  readonly lost: readonly string[];
  /** Images whose content was damaged or lost meanwhile. */
  readonly incomplete: readonly ImageId[];
}

export interface ImageUsage {
  readonly id: ImageId;
  readonly tags: readonly string[];
  /** RFC 3339. */
  readonly created: string | undefined;
  /** Bytes of uncompressed layers: all, those that other images have too, those that only this one has. */
  readonly size: number;
  readonly shared: number;
  readonly unique: number;
  readonly holders: readonly Holder[];
}

export interface LibraryUsage {
  readonly images: readonly ImageUsage[];
  /** Bytes of uncompressed layers, each counted once. */
  readonly layersSize: number;
  /** Bytes of layers that no image names: build cache and the layers of deleted images. */
  readonly otherLayersSize: number;
  /** Bytes of configurations, manifests and layers as transferred. */
  readonly blobsSize: number;
  /** Bytes of layers and blobs that are kept only so that deletions can be undone. */
  readonly undoSize: number;
}

/** Images of stored layers that are put together as manifests and an index. */
export interface ImageAssemblies {
  /** Makes and stores all of it, protected by the lease of the request. */
  make(request: AssemblyRequest): Promise<Assembly>;
  /** Records it under these names; answers the image that they mean. Without a name only the images are recorded. */
  record(assembly: Assembly, names: readonly string[]): Promise<ImageView>;
  /** A tar; the lease must live until it is read. */
  save(assembly: Assembly, archive: AssemblyArchive): AsyncIterable<Uint8Array>;
}

/** Use-cases on images. Everything that changes is durable when it resolves. */
export interface Library {
  /** By ID, ID prefix or reference; `not-found` in Docker's words. */
  resolve(name: string, options?: ResolveOptions): ImageView;
  /** The parsed configuration of a stored image; cheap. */
  config(id: ImageId): ImageConfig;
  pull(request: PullRequest, emit?: Emit<LibraryEvent>): Promise<ImageView>;
  /** Pulls every tag of a repository, one after the other. */
  pullAllTags(request: PullRequest, emit?: Emit<LibraryEvent>): Promise<readonly ImageView[]>;
  /**
   * Resolves an image that is to be used as a root file system: unpacks it where that was not needed before.
   * `unsupported` for artifacts and for images of other operating systems than Linux.
   */
  prepare(name: string, options?: ResolveOptions & Cancellable): Promise<ImageView>;
  /** Pushes one tag. The line `TAG: digest: … size: …` is left to the caller. */
  push(request: PushRequest, emit?: Emit<LibraryEvent>): Promise<Pushed>;
  /** Pushes every tag of a repository, one after the other; `told` hears of each. */
  pushAllTags(
    request: PushRequest,
    emit?: Emit<LibraryEvent>,
    told?: (pushed: Pushed) => void,
  ): Promise<readonly Pushed[]>;
  tag(source: string, target: string): Promise<void>;
  /** What `docker rmi` does. What it deletes can be brought back for a while, or else its content is freed. */
  remove(
    name: string,
    options?: RemoveOptions & {
      /** Frees the space at once: this cannot be undone. */
      readonly purge?: boolean | undefined;
    },
  ): Promise<readonly Removal[]>;
  prune(request?: PruneRequest): Promise<Pruned>;
  /** What `prune` would do now. */
  pruneOutlook(request?: PruneRequest): Promise<PruneOutlook>;
  /** What can be brought back, newest first. */
  deletions(): Promise<readonly UndoEntry[]>;
  /** Brings back the last deletion, one by its ID, or the image of a name or ID wherever it was deleted last. */
  undo(what?: string): Promise<Undone>;
  /** Gives up what is kept beyond its time, or all of it; bytes that became free. */
  letGoDeleted(which: 'expired' | 'all' | 'oldest'): Promise<number>;
  /**
   * Fetches content again from a repository that had it when an image with it was pulled or pushed, and puts it in the
   * place of what is stored under its digest; false when none gave it.
   */
  refetch(digest: Digest, options?: Cancellable): Promise<boolean>;
  /**
   * Fetches what an image lacks (configuration, manifests, compressed layers) from where it was pulled from or pushed
   * to, and unpacks layers that are missing; whether it is whole then.
   */
  complete(id: ImageId, options?: Cancellable): Promise<boolean>;
  /** Fetches compressed layers of an image that are not stored; whether all are there then. */
  fetchLayers(id: ImageId, options?: Cancellable): Promise<boolean>;
  /** Compresses a layer again in the way of push, if that gives this blob; whether it did. */
  recompress(diffId: DiffId, digest: Digest, options?: Cancellable): Promise<boolean>;
  /** Deletes compressed layers that a registry can give again, least recently used first; bytes that became free. */
  letGoRefetchable(most?: number): Promise<number>;
  list(options?: ListOptions): readonly ImageSummary[];
  inspect(name: string, options?: InspectOptions): ImageInspect;
  history(name: string, options?: ResolveOptions): readonly HistoryItem[];
  /** In what two images differ: configuration, layers, files. */
  diff(request: DiffRequest): Promise<ImageDiff>;
  /** Indexes put together from images here and in registries. */
  readonly lists: ImageLists;
  /** A tar that is a Docker archive and an OCI layout. Errors of names come at once, those of content by the stream. */
  save(names: readonly string[], options?: SaveOptions): Promise<Readable>;
  /**
   * Docker archives (old and new) and OCI layouts, plain or compressed by gzip, zstd, bzip2 or xz (the last two by the
   * machine's programs).
   */
  load(stream: Readable, emit?: Emit<LibraryEvent>, options?: LoadOptions): Promise<readonly ImageView[]>;
  import(request: ImportRequest): Promise<ImageView>;
  /** Records an image of stored layers; for builder and commit. */
  createImage(request: CreateImageRequest): Promise<ImageView>;
  /** What the builder makes of several images, or of one with a manifest of its own. */
  readonly assemblies: ImageAssemblies;
  readonly transfers: LayerTransfers;
  /** Keeps an image from being deleted without force. */
  hold(id: ImageId, holder: Holder): Promise<void>;
  release(holder: Pick<Holder, 'kind' | 'id'>): Promise<void>;
  readonly holds: Holds;
  /** Protects layers that are being made, until an image or a hold names them. */
  lease(options: LeaseOptions): Promise<Lease>;
  /** Deletes content that nothing names; with `resumable` also what unfinished pulls keep. */
  collect(
    options?: Cancellable & {
      readonly resumable?: boolean | undefined;
      readonly only?: Content | undefined;
    },
  ): Promise<Collected>;
  usage(): LibraryUsage;
}
