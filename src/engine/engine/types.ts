import type { Readable, Writable } from 'node:stream';
import type { OutputChunk, TerminalSize } from '#runtime';
import type { ContainerConfig, HostConfig, NetworkingConfig } from './wire-types.ts';

/** Life of a container. Each state has its own fields; what Docker calls `restarting` is Exited with a plan. */
export type ContainerState =
  /** Exit code and error are those of a start that failed. */
  | { readonly kind: 'created'; readonly exitCode: number; readonly error: string }
  | { readonly kind: 'running'; readonly pid: number; readonly startedAt: string }
  | { readonly kind: 'paused'; readonly pid: number; readonly startedAt: string }
  | {
      readonly kind: 'exited';
      readonly exitCode: number;
      readonly oomKilled: boolean;
      readonly startedAt: string | undefined;
      readonly finishedAt: string;
      readonly error: string;
      /** A restart is planned. */
      readonly restarting: boolean;
    }
  /** Removal began and could not end; only removal is possible. */
  | { readonly kind: 'dead'; readonly error: string };

export interface EngineEvent {
  readonly type: 'container' | 'volume' | 'network' | 'image';
  /** `start`, `die`, `exec_create: ls`, `health_status: healthy`, … */
  readonly action: string;
  readonly actor: { readonly id: string; readonly attributes: Readonly<Record<string, string>> };
  /** Nanoseconds since 1970 UTC. */
  readonly timeNs: bigint;
}

export interface CreateContainerOptions {
  readonly name?: string | undefined;
  readonly platform?: string | undefined;
  readonly config: ContainerConfig;
  readonly hostConfig?: HostConfig | undefined;
  readonly networkingConfig?: NetworkingConfig | undefined;
}

export interface CreatedContainer {
  readonly id: string;
  readonly warnings: readonly string[];
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface WaitResult {
  readonly exitCode: number;
  readonly error?: string | undefined;
}

/** Docker's filters: each key with any of its values; keys are joined by and. */
export type Filters = Readonly<Record<string, readonly string[]>>;

export interface ListOptions {
  readonly all?: boolean | undefined;
  readonly limit?: number | undefined;
  readonly size?: boolean | undefined;
  readonly filters?: Filters | undefined;
}

export interface AttachOptions {
  /** First what the log holds, then what comes. */
  readonly logs?: boolean | undefined;
  /** Stay connected to what comes. */
  readonly stream?: boolean | undefined;
  readonly stdin?: boolean | undefined;
  readonly stdout?: boolean | undefined;
  readonly stderr?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A connection to a container's or an exec's streams. */
export interface Attachment {
  /** Whether output is a terminal's raw bytes; otherwise the wire multiplexes it. */
  readonly tty: boolean;
  readonly stdin: Writable | undefined;
  readonly output: AsyncIterable<OutputChunk>;
  /** Detaches; the process goes on. */
  close(): void;
}

export interface ContainerLogOptions {
  readonly follow?: boolean | undefined;
  readonly stdout?: boolean | undefined;
  readonly stderr?: boolean | undefined;
  readonly tail?: number | undefined;
  readonly sinceNs?: bigint | undefined;
  readonly untilNs?: bigint | undefined;
  readonly timestamps?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ContainerLogs {
  readonly tty: boolean;
  /** Lines with their newline; each begins with its time where `timestamps` was asked for. */
  readonly output: AsyncIterable<OutputChunk>;
}

export interface ExecConfig {
  readonly cmd: readonly string[];
  readonly env?: readonly string[] | undefined;
  readonly workingDir?: string | undefined;
  readonly user?: string | undefined;
  readonly tty?: boolean | undefined;
  readonly privileged?: boolean | undefined;
  readonly attachStdin?: boolean | undefined;
  readonly attachStdout?: boolean | undefined;
  readonly attachStderr?: boolean | undefined;
  readonly detachKeys?: string | undefined;
  readonly consoleSize?: TerminalSize | undefined;
}

export interface ExecStartOptions {
  /** Return at once, with output thrown away. */
  readonly detach?: boolean | undefined;
  readonly consoleSize?: TerminalSize | undefined;
}

export interface StartOptions {
  readonly consoleSize?: TerminalSize | undefined;
}

export interface StopOptions {
  /** Instead of the container's stop signal. */
  readonly signal?: string | undefined;
  /** Seconds until SIGKILL; -1 waits for ever. */
  readonly timeoutSeconds?: number | undefined;
}

export interface RemoveOptions {
  readonly force?: boolean | undefined;
  /** Also its anonymous volumes. */
  readonly volumes?: boolean | undefined;
}

export interface CommitOptions {
  readonly reference?: string | undefined;
  readonly author?: string | undefined;
  readonly message?: string | undefined;
  readonly pause?: boolean | undefined;
  /** Dockerfile instructions such as `CMD ["x"]`. */
  readonly changes?: readonly string[] | undefined;
  /** Replaces fields of the container's own configuration. */
  readonly config?: Partial<ContainerConfig> | undefined;
}

export interface PathStat {
  readonly name: string;
  readonly size: number;
  /** Go's os.FileMode bits, as the X-Docker-Container-Path-Stat header has them. */
  readonly mode: number;
  readonly mtime: string;
  readonly linkTarget: string;
}

export interface ArchivePutOptions {
  readonly path: string;
  readonly tar: Readable;
  /** Refuse to replace a directory by something else, and the reverse. */
  readonly noOverwriteDirNonDir?: boolean | undefined;
  /** Files belong to the container's user, where it names one; otherwise to whom the archive says. */
  readonly copyUidGid?: boolean | undefined;
}

export interface PruneResult {
  readonly deleted: readonly string[];
  readonly spaceReclaimed: number;
}

export interface FileChange {
  readonly path: string;
  /** Docker's numbers: 0 modified, 1 added, 2 deleted. */
  readonly kind: 0 | 1 | 2;
}

export interface TopResult {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}
