export { createKeeping, KEEPING_DEFAULTS } from './keeping.ts';
export { createPullCounter, type PullCounter } from './pull-counter.ts';
export { keepingErrors } from './errors.ts';
export type { RetentionRule, TagKeeper, UntaggedKeeper } from './rules.ts';
export type {
  Keeping,
  KeepingOptions,
  KeptItem,
  Plan,
  PlannedItem,
  PurgeResult,
  RemovalView,
  RunProgress,
  RunResult,
  SweepResult,
} from './types.ts';
