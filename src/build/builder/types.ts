import type { Emit } from '#events';
import type { Digest, ImageId } from '#oci';
import type { BuildEvent } from './build-events.ts';
import type { CacheRecord } from './cache-records.ts';
import type { CacheFilter, CachePrune, CachePruned } from './cache-space.ts';
import type { Caches } from './caches.ts';
import type { FailedSteps } from './failed-steps.ts';
import type { BuildDescription, DescriptionCall } from './description-types.ts';
import type { BuildHistory } from './history-types.ts';
import type { BuildRequest } from './request.ts';

export type * from './build-events.ts';
export type * from './description-types.ts';
export type * from './history-types.ts';
export type * from './request.ts';
export type { CacheRecord, CacheRecordKind } from './cache-records.ts';
export type { CacheFilter, CachePrune, CachePruned } from './cache-space.ts';
export type { Caches, CacheMountInfo } from './caches.ts';
export type { DebugPlace, DebugShell, DebugShellRequest, FailedSteps } from './failed-steps.ts';

export interface BuildResult {
  /** Names the build in the history. */
  readonly buildId: string;
  /** Of the image for this machine's platform, or the first. */
  readonly imageId: ImageId;
  /** Of the index or manifest, where one was made: several platforms, annotations, statements, archives, a push. */
  readonly digest?: Digest | undefined;
  /** One for each platform. */
  readonly images: readonly {
    readonly platform: string;
    readonly imageId: ImageId;
    /** Of its manifest, where it has one. */
    readonly digest?: Digest | undefined;
  }[];
  /** What `--metadata-file` says. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Canonical names the image was given. */
  readonly tags: readonly string[];
  readonly steps: { readonly total: number; readonly cached: number; readonly executed: number };
  readonly durationMs: number;
}

export interface Builder {
  /**
   * Builds one image.
   *
   * An abort or a failure leaves no image, no tag, no snapshot; layers of finished steps stay in the cache.
   */
  build(request: BuildRequest, emit: Emit<BuildEvent>): Promise<BuildResult>;
  /** Says about a Dockerfile what `call` asks for; nothing is run, fetched or recorded. */
  describe(request: BuildRequest, call: DescriptionCall): Promise<BuildDescription>;
  readonly history: BuildHistory;
  /** Failed steps of builds with `keepFailed`. */
  readonly failed: FailedSteps;
  /** The caches of `RUN --mount=type=cache`. */
  readonly caches: Caches;
  /** Records of the build cache, and the bytes that only they take. */
  usage(): Promise<{ readonly records: number; readonly bytes: number }>;
  /** What builds keep on disk, the least recently used first. */
  records(filter?: CacheFilter): Promise<readonly CacheRecord[]>;
  /** When the cache row that was not used for the longest time was used last; undefined when there is none. */
  oldestUse(): Promise<Date | undefined>;
  /** Removes what no running build uses (all, or what the options say); returns what went. */
  prune(options?: CachePrune): Promise<CachePruned>;
}
