export { createSystem } from './system.ts';
export { diskUsageOf, type UsageFacts } from './disk-usage.ts';
export type {
  CheckFinding,
  CheckOptions,
  CheckReport,
  DiskUsage,
  PruneReport,
  PruneRequest,
  System,
  SystemFacts,
  SystemParts,
  UsageLine,
} from './types.ts';
