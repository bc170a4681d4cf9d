import type { CacheRecord, CacheFilter, CachePrune, CachePruned, Caches } from '#cache';
import type { Emit } from '#events';
import type { BuildEvent, BuildHistory, BuildResult } from '#history';
import type { BuildDescription, DescriptionCall } from '#plan';
import type { FailedSteps } from './failed-steps.ts';
import type { BuildRequest } from './request.ts';

export type * from './request.ts';
export type { BuildDescription, BuildStep, DescriptionCall } from '#plan';
export type {
  CacheFilter,
  CacheMountInfo,
  CachePrune,
  CachePruned,
  CacheRecord,
  CacheRecordKind,
  Caches,
  CacheSpec,
  FileChange,
  MissReason,
} from '#cache';
export type {
  BuildDetails,
  BuildEvent,
  BuildHistory,
  BuildResult,
  BuildSummary,
  LogEntry,
  StepTrace,
} from '#history';
export type { DebugPlace, DebugShell, DebugShellRequest, FailedSteps } from './failed-steps.ts';

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
