export type { Containers, Engine, Execs, Volumes } from './engine-types.ts';
export type {
  ArchivePutOptions,
  AttachOptions,
  Attachment,
  CommitOptions,
  ContainerLogOptions,
  ContainerLogs,
  ContainerState,
  CreateContainerOptions,
  CreatedContainer,
  EngineEvent,
  ExecConfig,
  ExecStartOptions,
  FileChange,
  Filters,
  ListOptions,
  PathStat,
  PruneResult,
  RemoveOptions,
  StartOptions,
  StopOptions,
  TopResult,
  WaitCondition,
  WaitResult,
} from './types.ts';
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
  PortMap,
  StatsReading,
  VolumeCreateOptions,
  VolumeInspect,
} from './wire-types.ts';
export { createEngine, type EngineDeps } from './engine.ts';
export { engineMigrations } from './migrations.ts';
export { engineErrors } from './errors.ts';
export { findInitProgram } from './init-program.ts';
