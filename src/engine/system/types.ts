import type { Builder } from '#builder';
import type { Engine } from '#engine';
import type { LayerStore } from '#layers';
import type { Library, Removal } from '#library';
import type { Networks } from '#network';
import type { DiffId, Digest, ImageId } from '#oci';
import type { ImageStore } from '#store';
import type { Settings } from './settings.ts';

/** The parts of the rooms that this one looks across. */
export interface SystemParts {
  /** The root directory. */
  readonly root: string;
  readonly store: Pick<ImageStore, 'blobs' | 'images' | 'deletions' | 'holds' | 'space' | 'leases'>;
  readonly layers: LayerStore;
  readonly library: Pick<
    Library,
    | 'usage'
    | 'prune'
    | 'pruneOutlook'
    | 'collect'
    | 'remove'
    | 'deletions'
    | 'letGoDeleted'
    | 'letGoRefetchable'
    | 'refetch'
    | 'complete'
    | 'fetchLayers'
    | 'recompress'
  >;
  readonly containers: Pick<Engine['containers'], 'list' | 'prune' | 'prunable'>;
  readonly volumes: Pick<Engine['volumes'], 'usage' | 'prune' | 'prunable'>;
  readonly counts: Engine['counts'];
  readonly networks: Pick<Networks, 'prune' | 'prunable'>;
  /** The build cache, once something was built. */
  readonly buildCache?: (() => Promise<Pick<Builder, 'usage' | 'prune' | 'oldestUse'>>) | undefined;
  readonly settings?: Settings | undefined;
}

/** One line of `docker system df`. */
export interface UsageLine {
  readonly count: number;
  /** How many of them are in use. */
  readonly active: number;
  /** Bytes. */
  readonly bytes: number;
  /** Bytes that pruning would free. */
  readonly reclaimable: number;
}

export interface DiskUsage {
  readonly images: UsageLine;
  readonly containers: UsageLine;
  readonly volumes: UsageLine;
  readonly buildCache: UsageLine;
  /** Configurations, manifests and layers as they were transferred: kept so that pushing and saving need no work. */
  readonly transferred: { readonly bytes: number };
  /** What is kept only so that deletions can be undone. */
  readonly undo: { readonly count: number; readonly bytes: number };
  /** Undefined where no budget is set. */
  readonly budget?: BudgetUse | undefined;
}

/** How full the budget is, in bytes. */
export interface BudgetUse {
  readonly limit: number;
  readonly used: number;
}

/** Something that was let go to save space. */
export interface LetGo {
  readonly kind: 'undo' | 'blobs' | 'image' | 'build-cache';
  readonly what: string;
  readonly bytes: number;
}

export type KeeperEvent =
  | LetGo
  | ({ readonly kind: 'over-budget' } & BudgetUse)
  | { readonly kind: 'failed'; readonly error: unknown };

/** Watches over the space of a root while the daemon runs. */
export interface Keeper extends AsyncDisposable {
  /** Something was added or a setting changed: look soon. */
  poke(): void;
  /** Looks now; resolves when it is done. */
  settle(): Promise<void>;
}

/** What holds a byte of the root. */
export type SpaceKind =
  | 'images'
  | 'containers'
  | 'volumes'
  | 'build-cache'
  /** Configurations, manifests and compressed layers of images. */
  | 'transferred'
  | 'undo'
  /** Of transfers and unpacking that go on or may be taken up again. */
  | 'partial'
  /** Records: the database, its reserve, directories. */
  | 'database'
  /** Being deleted. */
  | 'removed'
  | 'quarantine'
  /** Nothing knows it. */
  | 'orphaned';

/** Allocated bytes of one image. */
export interface ImageSpace {
  readonly id: ImageId;
  readonly tags: readonly string[];
  readonly created: string | undefined;
  /** Layers and transferred blobs; of it, what other images have too and what only this one has. */
  readonly total: number;
  readonly shared: number;
  readonly unique: number;
  readonly transferred: number;
  readonly containers: number;
}

export interface SpaceAccount {
  /** Allocated bytes of the root, as du says. */
  readonly total: number;
  /** Largest first; they add up to `total`. */
  readonly lines: readonly { readonly kind: SpaceKind; readonly bytes: number }[];
  /** The one that alone has the most first. */
  readonly images: readonly ImageSpace[];
}

export interface PruneRequest {
  /** All images without a container, and the whole build cache. */
  readonly all?: boolean | undefined;
  /** Also volumes that no container uses. */
  readonly volumes?: boolean | undefined;
  /** Frees at once, also what earlier deletions keep: nothing can be undone. */
  readonly purge?: boolean | undefined;
  /** `until`, `label`, `label!`. */
  readonly filters?: Readonly<Record<string, readonly string[]>> | undefined;
}

export interface PruneReport {
  /** IDs. */
  readonly containers: readonly string[];
  /** Names. */
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  /** Names and digests. */
  readonly images: readonly string[];
  /** Records of the build cache. */
  readonly cacheRecords: number;
  /** What happened to images, in Docker's order; not in an estimate. */
  readonly removals?: readonly Removal[] | undefined;
  /** Bytes that the file system got back. */
  readonly reclaimed: number;
  /** Bytes that are kept so that this can be undone. */
  readonly held: number;
}

/** What `check` says of one piece of content. */
export interface CheckFinding {
  /** `index`: what overlay mounts of a layer; `record`: rows of the database; `file`: a file that nothing knows. */
  readonly kind: 'blob' | 'layer' | 'index' | 'image' | 'record' | 'file';
  /** Undefined for records and files. */
  readonly digest: Digest | undefined;
  /** `missing` for an image means that some of its content is not there. */
  readonly state: 'damaged' | 'missing' | 'dangling' | 'leftover';
  /** What the matter is, and what to do. */
  readonly message: string;
  /** What a repair did; undefined when none was tried. */
  readonly repair?: 'repaired' | 'quarantined' | 'failed' | undefined;
}

/** Something that a check found, before it is told. */
export type Fault =
  | { readonly kind: 'blob'; readonly digest: Digest; readonly state: 'damaged' | 'missing' }
  | { readonly kind: 'layer' | 'index'; readonly digest: DiffId; readonly state: 'damaged' | 'missing' }
  | {
      readonly kind: 'image';
      readonly digest: ImageId;
      readonly state: 'missing';
      readonly detail: string;
    }
  | {
      readonly kind: 'record';
      readonly digest: undefined;
      readonly state: 'dangling';
      readonly detail: string;
    }
  /** `detail` is the path. */
  | {
      readonly kind: 'file';
      readonly digest: undefined;
      readonly state: 'leftover';
      readonly detail: string;
    };

export interface CheckReport {
  readonly blobs: number;
  readonly layers: number;
  readonly images: number;
  /** Bytes that were read and hashed. */
  readonly bytes: number;
  readonly findings: readonly CheckFinding[];
}

export interface CheckOptions {
  /** Fetches or makes again what is damaged; what cannot be goes to quarantine. */
  readonly repair?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each piece of content. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface SystemFacts {
  readonly images: number;
  readonly containers: { readonly running: number; readonly paused: number; readonly stopped: number };
  /** How layers are kept. */
  readonly layerBackend: string;
}

/** What spans rooms. */
export interface System {
  diskUsage(): Promise<DiskUsage>;
  /** What each byte is held by; looks at every file. */
  account(): Promise<SpaceAccount>;
  /** What `prune` would do now, to the byte. */
  estimatePrune(request?: PruneRequest): Promise<PruneReport>;
  /** Stopped containers, unused networks, volumes on demand, images, build cache: in this order, since each frees the next. */
  prune(request?: PruneRequest): Promise<PruneReport>;
  /** Reads all stored content and hashes it again. */
  check(options?: CheckOptions): Promise<CheckReport>;
  facts(): SystemFacts;
}
