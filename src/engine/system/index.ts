export { createSystem } from './system.ts';
export { keepDeletedMs, startKeeper, type KeeperOptions } from './keeper.ts';
export { systemMigrations } from './migrations.ts';
export {
  openSettings,
  parseSpaceLimit,
  type Setting,
  type SettingKey,
  type Settings,
  type SpaceLimit,
} from './settings.ts';
export { diskUsageOf, type UsageFacts } from './disk-usage.ts';
export type {
  BudgetUse,
  CheckFinding,
  CheckOptions,
  CheckReport,
  DiskUsage,
  ImageSpace,
  Keeper,
  KeeperEvent,
  LetGo,
  PruneReport,
  PruneRequest,
  SpaceAccount,
  SpaceKind,
  System,
  SystemFacts,
  SystemParts,
  UsageLine,
} from './types.ts';
