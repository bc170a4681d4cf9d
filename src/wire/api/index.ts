export { apiErrors } from './errors.ts';
export {
  API_VERSION,
  LADE_VERSION,
  MIN_API_VERSION,
  checkApiVersion,
  compareApiVersions,
} from './versions.ts';
export { decodeBuildLine, encodeBuildLine, type BuildLine, type BuildFault } from './build-lines.ts';
export {
  checkFilters,
  parseFilters,
  parseFlag,
  parseJsonParameter,
  parseTimestamp,
  parseWhole,
  type Filters,
} from './query.ts';
export { decodeRegistryAuth, decodeRegistryConfig, encodeAuthHeader, type AuthConfig } from './auth.ts';
export { checkBody, parseBody, type Body, type BodyName } from './parse-body.ts';
export {
  FRAME_HEADER_BYTES,
  MULTIPLEXED_STREAM,
  RAW_STREAM,
  frameHeader,
  parseFrameHeader,
  type StreamName,
} from './raw-stream.ts';
export type {
  AuthAnswer,
  BuildCacheAnswer,
  CacheMountAnswer,
  DiffLine,
  DiffTotals,
  DiskUsageAnswer,
  ErrorAnswer,
  EventAnswer,
  ImageDeleteAnswer,
  ImageInspectAnswer,
  ImagePruneAnswer,
  ImageSummaryAnswer,
  InfoAnswer,
  InspectedListAnswer,
  CheckLine,
  LadeInfoAnswer,
  NetworkAnswer,
  ProgressLine,
  SeenManifestAnswer,
  ShellExitAnswer,
  SpaceAnswer,
  VersionAnswer,
  WaitAnswer,
} from './responses.ts';
export type {
  BuildDescription,
  BuildDetails,
  BuildEvent,
  BuildResult,
  BuildStep,
  BuildSummary,
  FileChange,
  LogEntry,
  MissReason,
  StepTrace,
} from '#builder';
export type {
  ContainerConfig,
  ContainerInspect,
  ContainerSummary,
  EndpointInspect,
  EndpointRequest,
  ExecInspect,
  HealthConfig,
  HealthInspect,
  HostConfig,
  MountPoint,
  MountRequest,
  NetworkingConfig,
  NetworkSettings,
  PathStat,
  PortMap,
  StatsReading,
  VolumeCreateOptions,
  VolumeInspect,
} from '#engine';
export type {
  BudgetUse,
  CheckFinding,
  CheckReport,
  DiskUsage,
  ImageSpace,
  PruneReport,
  Setting,
  SpaceAccount,
  SpaceKind,
  UsageLine,
} from '#system';
export type { AdoptionReport } from '#adoption';
export type { HistoryItem as HistoryAnswer, UndoEntry, Undone } from '#library';
