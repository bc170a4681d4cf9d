import type { Writable } from 'node:stream';
import type { RuntimeProcess, RuntimeSeccomp, RuntimeSpec } from './spec-types.ts';

export type OutputStream = 'stdout' | 'stderr';

/** A piece of what a process wrote; a terminal's output is all `stdout`. */
export interface OutputChunk {
  readonly stream: OutputStream;
  readonly data: Buffer;
}

/** How a process ended: 0–255, 128+n for signal n. */
export interface ExitStatus {
  readonly exitCode: number;
  readonly finishedAt: Date;
  readonly oomKilled: boolean;
}

export interface TerminalSize {
  readonly rows: number;
  readonly cols: number;
}

/** A user as numbers, found in the image's own /etc/passwd and /etc/group. */
export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly home: string;
}

export interface ProcessInput {
  readonly args: readonly string[];
  /** `KEY=value`; the last of a key wins. PATH, HOME and (with a terminal) TERM are added when absent. */
  readonly env: readonly string[];
  /** Absolute; `/` when empty. */
  readonly cwd?: string | undefined;
  readonly user?: ContainerUser | undefined;
  readonly terminal?: boolean | undefined;
  readonly consoleSize?: TerminalSize | undefined;
}

export type MountInput =
  | {
      readonly kind: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readonly?: boolean | undefined;
      readonly propagation?: 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave' | undefined;
      readonly recursive?: boolean | undefined;
      /** No programs, devices or set-user-ID bits count there. */
      readonly inert?: boolean | undefined;
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly options?: readonly string[] | undefined };

export type NetworkInput =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'host' }
  /** A new namespace with a loopback device only. */
  | { readonly kind: 'none' };

export interface ResourcesInput {
  readonly memoryBytes?: number | undefined;
  readonly memoryReservationBytes?: number | undefined;
  /** Memory plus swap; -1 is unlimited. */
  readonly memorySwapBytes?: number | undefined;
  readonly nanoCpus?: number | undefined;
  readonly cpuShares?: number | undefined;
  readonly cpuQuota?: number | undefined;
  readonly cpuPeriod?: number | undefined;
  readonly cpusetCpus?: string | undefined;
  readonly cpusetMems?: string | undefined;
  readonly pids?: number | undefined;
}

export type SeccompInput =
  | { readonly kind: 'default' }
  | { readonly kind: 'unconfined' }
  | { readonly kind: 'profile'; readonly profile: SeccompProfile };

export interface RlimitInput {
  /** Docker's name: `nofile`, `nproc`, … */
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

export interface DeviceInput {
  readonly path: string;
  readonly pathInContainer: string;
  readonly permissions: string;
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
}

/** What `toRuntimeSpec` needs to know of one container; everything optional has Docker's default. */
export interface SpecInput {
  readonly id: string;
  /** Absolute path of the mounted root file system. */
  readonly rootfs: string;
  readonly process: ProcessInput;
  readonly readonlyRootfs?: boolean | undefined;
  readonly hostname?: string | undefined;
  readonly domainname?: string | undefined;
  readonly network?: NetworkInput | undefined;
  readonly pid?: 'private' | 'host' | undefined;
  readonly ipc?: 'private' | 'host' | undefined;
  readonly uts?: 'private' | 'host' | undefined;
  readonly cgroupns?: 'private' | 'host' | undefined;
  readonly mounts?: readonly MountInput[] | undefined;
  readonly shmSizeBytes?: number | undefined;
  readonly capAdd?: readonly string[] | undefined;
  readonly capDrop?: readonly string[] | undefined;
  readonly privileged?: boolean | undefined;
  readonly noNewPrivileges?: boolean | undefined;
  readonly seccomp?: SeccompInput | undefined;
  readonly maskedPaths?: readonly string[] | undefined;
  readonly readonlyPaths?: readonly string[] | undefined;
  readonly rlimits?: readonly RlimitInput[] | undefined;
  readonly resources?: ResourcesInput | undefined;
  readonly devices?: readonly DeviceInput[] | undefined;
  readonly sysctls?: Readonly<Record<string, string>> | undefined;
  readonly oomScoreAdj?: number | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Parent of the container's cgroup; `/lade` when absent. */
  readonly cgroupParent?: string | undefined;
}

/** Facts of the machine on which a spec will run. */
export interface HostFacts {
  /** OCI name: amd64, arm64, … */
  readonly architecture: string;
  readonly kernel: { readonly major: number; readonly minor: number };
  /** False where the kernel surely runs no programs of the x32 ABI. */
  readonly x32: boolean;
  readonly cgroup: 'v1' | 'v2';
  /** Whether the kernel counts swap, so that a limit of memory plus swap can be set. */
  readonly swapLimit: boolean;
  /** Capabilities that this process may hand on, as `CAP_…`; a container never gets one that is not here. */
  readonly capabilities: readonly string[];
  /** Hard limits of this process by Docker's name; `undefined` is unlimited. */
  readonly hardLimits: Readonly<Record<string, number | undefined>>;
}

/** Conditions of a rule in Docker's seccomp profile format. */
export interface SeccompCondition {
  readonly caps?: readonly string[] | undefined;
  readonly arches?: readonly string[] | undefined;
  readonly minKernel?: string | undefined;
}

/** A rule in Docker's seccomp profile format. */
export interface SeccompProfileRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number | undefined;
  readonly args?: RuntimeSeccomp['syscalls'][number]['args'];
  readonly includes?: SeccompCondition | undefined;
  readonly excludes?: SeccompCondition | undefined;
}

/** A seccomp profile as `--security-opt seccomp=FILE` takes it. */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number | undefined;
  readonly architectures?: readonly string[] | undefined;
  readonly archMap?:
    | readonly {
        readonly architecture: string;
        readonly subArchitectures?: readonly string[] | null | undefined;
      }[]
    | undefined;
  readonly flags?: readonly string[] | undefined;
  readonly syscalls: readonly SeccompProfileRule[];
}

/** A live connection to a process's streams; closing it leaves the process alone. */
export interface Session {
  /** Undefined where the process has no open standard input. `end()` gives the process its end of file. */
  readonly stdin: Writable | undefined;
  /** What the process writes from now on; ends when its streams end or the session is closed. */
  readonly output: AsyncIterable<OutputChunk>;
  /** No effect without a terminal. */
  resize(size: TerminalSize): void;
  close(): void;
}

export interface ExecSession extends Session {
  readonly pid: number;
  readonly exit: Promise<ExitStatus>;
}

export interface CreateOptions {
  readonly id: string;
  readonly spec: RuntimeSpec;
  /** Keep a standard input open; without it the process reads end of file. */
  readonly openStdin?: boolean | undefined;
  /** Close standard input when the first attached client goes away. */
  readonly stdinOnce?: boolean | undefined;
  /** Absolute path of the log file (see logs: the CRI format). */
  readonly logPath: string;
}

export interface ExecOptions {
  readonly process: RuntimeProcess;
  readonly openStdin?: boolean | undefined;
}

export interface RunOptions {
  readonly spec: RuntimeSpec;
  readonly id: string;
  /** Aborting kills every process of the container and rejects with `cancelled`. */
  readonly signal?: AbortSignal | undefined;
  readonly onOutput?: ((chunk: OutputChunk) => void) | undefined;
}

/** What the runtime finds of a container on disk, also after the daemon was killed. */
export type RuntimeState =
  | { readonly kind: 'created'; readonly pid: number }
  | { readonly kind: 'running'; readonly pid: number }
  | { readonly kind: 'paused'; readonly pid: number }
  | { readonly kind: 'exited'; readonly exit: ExitStatus }
  /** Nothing runs and no exit code was left: the machine was restarted, or the monitor was killed too. */
  | { readonly kind: 'lost' };

export interface LogRecord {
  readonly stream: OutputStream;
  /** Nanoseconds since 1970 UTC. */
  readonly timeNs: bigint;
  /** One line with its newline, or a piece of a line (`partial`) without one. */
  readonly data: Buffer;
  readonly partial: boolean;
}

export interface LogOptions {
  /** Wait for more; ends when `until` is reached, `ended` resolves, or `signal` aborts. */
  readonly follow?: boolean | undefined;
  /** Only the last n lines. */
  readonly tail?: number | undefined;
  readonly sinceNs?: bigint | undefined;
  readonly untilNs?: bigint | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Resolves when nothing more will be written; a follower reads the rest and ends. */
  readonly ended?: Promise<unknown> | undefined;
}

/** Numbers of one container's control group; absent where the controller is not there. */
export interface RuntimeStats {
  readonly readAt: Date;
  readonly cpu: {
    readonly totalNs: number;
    readonly userNs: number;
    readonly systemNs: number;
    readonly throttledNs: number;
    readonly throttledPeriods: number;
    readonly periods: number;
  };
  readonly memory: {
    readonly usageBytes: number;
    readonly limitBytes: number | undefined;
    readonly stats: Readonly<Record<string, number>>;
  };
  readonly pids: { readonly current: number; readonly limit: number | undefined };
  readonly blockIo: readonly {
    readonly major: number;
    readonly minor: number;
    readonly op: string;
    readonly bytes: number;
  }[];
}

/** Runs containers by an OCI runtime; each lives on when this process ends. */
export interface Runtime {
  readonly name: 'runc' | 'crun';
  readonly host: HostFacts;
  /** The runtime's version text; asks the program once. */
  version(): Promise<string>;
  /**
   * Makes the container's processes, ready to start. The rootfs must be mounted.
   * On failure nothing is left behind but an empty log file.
   */
  create(options: CreateOptions): Promise<{ readonly pid: number }>;
  /** Lets a created container's process run. */
  start(id: string): Promise<void>;
  /** Resolves at once for an exited one. Rejects with `cancelled` when `signal` aborts. */
  waitExit(id: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<ExitStatus>;
  /**
   * Connects to the streams of a created or running container. Of a created one nothing is missed: resolves when
   * conmon has taken the connection.
   */
  attach(id: string): Promise<Session>;
  /** Resizes the container's own terminal. */
  resize(id: string, size: TerminalSize): Promise<void>;
  exec(id: string, options: ExecOptions): Promise<ExecSession>;
  /** Signals the container's first process; `SIGKILL` reaches a paused one too. */
  kill(id: string, signal: NodeJS.Signals | number): Promise<void>;
  /** Changes the limits of a live container; what is absent stays as it is. */
  update(id: string, resources: ResourcesInput): Promise<void>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  state(id: string): RuntimeState;
  /** Process IDs (host's) of everything in the container's cgroup. */
  processes(id: string): readonly number[];
  stats(id: string): RuntimeStats;
  /** Ids of every container this root knows. */
  list(): readonly string[];
  /** Kills what still runs and forgets the container; idempotent. */
  delete(id: string): Promise<void>;
  /** Runs to the end in the foreground and leaves nothing behind. */
  run(options: RunOptions): Promise<ExitStatus>;
  /** Stops watching; containers live on. */
  [Symbol.asyncDispose](): Promise<void>;
}
