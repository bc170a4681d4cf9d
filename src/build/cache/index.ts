export { createBuildCache, type BuildCache, type StepResult } from './build-cache.ts';
export { openExchange, type CacheExchange } from './exchange.ts';
export { toReasons, type StepNames } from './miss-reasons.ts';
export { createCaches, type CacheMountInfo, type Caches } from './mounts.ts';
export type { CacheRecord, CacheRecordKind } from './records.ts';
export {
  createCacheSpace,
  type CacheFilter,
  type CacheLogs,
  type CachePrune,
  type CachePruned,
} from './space.ts';
export { continueTrace, type StageText, type Trace } from './step-trace.ts';
export type { CacheSpec, FileChange, MissReason } from './types.ts';
export { createCacheUses, type CacheUses } from './uses.ts';
