export type { BuildEvent } from './events.ts';
export { createHistory, type OpenHistory } from './history.ts';
export type { BuildResult } from './result.ts';
export type {
  BuildDetails,
  BuildHistory,
  BuildSubject,
  BuildSummary,
  HistoryLimits,
  LogEntry,
  StepTrace,
} from './types.ts';
