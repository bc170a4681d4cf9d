import type { Builder } from '#builder';
import type { Engine } from '#engine';
import type { LayerStore } from '#layers';
import type { Library } from '#library';
import type { Networks } from '#network';
import type { Digest } from '#oci';
import type { ImageStore } from '#store';

/** The parts of the rooms that this one looks across. */
export interface SystemParts {
  readonly store: Pick<ImageStore, 'blobs' | 'images'>;
  readonly layers: Pick<LayerStore, 'list' | 'info' | 'tarPath' | 'backend'>;
  readonly library: Pick<Library, 'usage' | 'prune' | 'collect'>;
  readonly containers: Pick<Engine['containers'], 'list' | 'prune'>;
  readonly volumes: Pick<Engine['volumes'], 'usage' | 'prune'>;
  readonly counts: Engine['counts'];
  readonly networks: Pick<Networks, 'prune'>;
  /** The build cache, once something was built. */
  readonly buildCache?: (() => Promise<Pick<Builder, 'usage' | 'prune'>>) | undefined;
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
}

export interface PruneRequest {
  /** All images without a container, and the whole build cache. */
  readonly all?: boolean | undefined;
  /** Also volumes that no container uses. */
  readonly volumes?: boolean | undefined;
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
  /** Bytes. */
  readonly reclaimed: number;
}

/** What `check` says of one piece of content. */
export interface CheckFinding {
  readonly kind: 'blob' | 'layer' | 'image';
  readonly digest: Digest;
  /** `missing` for an image means that some of its content is not there. */
  readonly state: 'damaged' | 'missing';
  /** What the matter is, and what to do. */
  readonly message: string;
}

export interface CheckReport {
  readonly blobs: number;
  readonly layers: number;
  readonly images: number;
  /** Bytes that were read and hashed. */
  readonly bytes: number;
  readonly findings: readonly CheckFinding[];
}

export interface CheckOptions {
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
  /** Stopped containers, unused networks, volumes on demand, images, build cache: in this order, since each frees the next. */
  prune(request?: PruneRequest): Promise<PruneReport>;
  /** Reads all stored content and hashes it again. */
  check(options?: CheckOptions): Promise<CheckReport>;
  facts(): SystemFacts;
}
