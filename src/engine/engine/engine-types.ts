import type { Readable } from 'node:stream';
import type { TerminalSize } from '#runtime';
import type {
  ArchivePutOptions,
  AttachOptions,
  Attachment,
  CommitOptions,
  ContainerLogOptions,
  ContainerLogs,
  CreateContainerOptions,
  CreatedContainer,
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
import type {
  ContainerInspect,
  ContainerSummary,
  EndpointRequest,
  ExecInspect,
  HostConfig,
  StatsReading,
  VolumeCreateOptions,
  VolumeInspect,
} from './wire-types.ts';

/**
 * Containers. `name` is a name, an ID or a unique prefix of one everywhere; an unknown one is
 * `ENGINE_CONTAINER_NOT_FOUND`.
 */
export interface Containers {
  create(options: CreateContainerOptions): Promise<CreatedContainer>;
  inspect(name: string, options?: { readonly size?: boolean | undefined }): Promise<ContainerInspect>;
  list(options?: ListOptions): Promise<readonly ContainerSummary[]>;
  /** False when it was already running (Docker's 304). */
  start(name: string, options?: StartOptions): Promise<boolean>;
  /** False when it was not running. */
  stop(name: string, options?: StopOptions): Promise<boolean>;
  restart(name: string, options?: StopOptions): Promise<void>;
  kill(name: string, signal?: string): Promise<void>;
  pause(name: string): Promise<void>;
  unpause(name: string): Promise<void>;
  /** Changes limits, also of a running container, and the restart policy; answers with warnings. */
  update(name: string, change: HostConfig): Promise<readonly string[]>;
  rename(name: string, newName: string): Promise<void>;
  remove(name: string, options?: RemoveOptions): Promise<void>;
  /** The returned promise is the result; `ready` resolves when the wait is registered. */
  wait(
    name: string,
    options?: { readonly condition?: WaitCondition | undefined; readonly signal?: AbortSignal | undefined },
  ): { readonly ready: Promise<void>; readonly result: Promise<WaitResult> };
  attach(name: string, options: AttachOptions): Promise<Attachment>;
  logs(name: string, options: ContainerLogOptions): Promise<ContainerLogs>;
  resize(name: string, size: TerminalSize): Promise<void>;
  top(name: string, psArgs?: string): Promise<TopResult>;
  /** One reading, or one a second until aborted. */
  stats(
    name: string,
    options?: {
      readonly stream?: boolean | undefined;
      readonly oneShot?: boolean | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): AsyncIterable<StatsReading>;
  changes(name: string): Promise<readonly FileChange[]>;
  statPath(name: string, path: string): Promise<PathStat>;
  getArchive(name: string, path: string): Promise<{ readonly stat: PathStat; readonly tar: Readable }>;
  putArchive(name: string, options: ArchivePutOptions): Promise<void>;
  exportTar(name: string): Promise<Readable>;
  /** The new image's ID. */
  commit(name: string, options?: CommitOptions): Promise<{ readonly imageId: string }>;
  prune(filters?: Filters): Promise<PruneResult>;
  /** IDs of the containers that `prune` would remove now. */
  prunable(filters?: Filters): readonly string[];
  connectNetwork(name: string, network: string, endpoint?: EndpointRequest): Promise<void>;
  disconnectNetwork(name: string, network: string, force?: boolean): Promise<void>;
}

export interface Execs {
  create(container: string, config: ExecConfig): Promise<{ readonly id: string }>;
  /** Undefined when detached. */
  start(id: string, options?: ExecStartOptions): Promise<Attachment | undefined>;
  inspect(id: string): Promise<ExecInspect>;
  resize(id: string, size: TerminalSize): Promise<void>;
}

export interface Volumes {
  create(options: VolumeCreateOptions): Promise<VolumeInspect>;
  inspect(name: string): Promise<VolumeInspect>;
  list(filters?: Filters): Promise<readonly VolumeInspect[]>;
  remove(name: string, options?: { readonly force?: boolean | undefined }): Promise<void>;
  prune(filters?: Filters): Promise<PruneResult>;
  /** Names of the volumes that `prune` would remove once these containers are gone. */
  prunable(filters?: Filters, without?: ReadonlySet<string>): readonly string[];
  /** Every volume with its size and the number of containers that use it. */
  usage(): Promise<readonly VolumeInspect[]>;
}

/** The whole of it; disposing leaves containers running. */
export interface Engine extends AsyncDisposable {
  readonly containers: Containers;
  readonly execs: Execs;
  readonly volumes: Volumes;
  /** Numbers for `info`. */
  counts(): { readonly running: number; readonly paused: number; readonly stopped: number };
}
