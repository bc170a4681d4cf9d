export { createKeeping, KEEPING_DEFAULTS } from './keeping.ts';
export { createPullCounter, type PullCounter } from './pull-counter.ts';
export { keepingOptions, keepingSchedules, keepingSettings, type KeepingSettings } from './settings.ts';
export { runRegularly, type Schedule } from './schedule.ts';
export type { CheckOptions, CheckProgress, CheckReport, Finding } from './check-types.ts';
export { keepingErrors } from './errors.ts';
export type { RetentionRule, TagKeeper, UntaggedKeeper } from './rules.ts';
export type {
  Collected,
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
