/**
 * Docker's own shapes (Engine API 1.51) of what a client asks for and is told.
 *
 * They are stored and answered as they are, so that no field is lost in translation; the daemon checks them at
 * its edge.
 */

export interface HealthConfig {
  readonly Test?: readonly string[] | undefined;
  /** Nanoseconds; 0 is inherited. */
  readonly Interval?: number | undefined;
  readonly Timeout?: number | undefined;
  readonly Retries?: number | undefined;
  readonly StartPeriod?: number | undefined;
  readonly StartInterval?: number | undefined;
}

export interface ContainerConfig {
  readonly Hostname?: string | undefined;
  readonly Domainname?: string | undefined;
  readonly User?: string | undefined;
  readonly AttachStdin?: boolean | undefined;
  readonly AttachStdout?: boolean | undefined;
  readonly AttachStderr?: boolean | undefined;
  readonly ExposedPorts?: Readonly<Record<string, object>> | null | undefined;
  readonly Tty?: boolean | undefined;
  readonly OpenStdin?: boolean | undefined;
  readonly StdinOnce?: boolean | undefined;
  readonly Env?: readonly string[] | null | undefined;
  readonly Cmd?: readonly string[] | null | undefined;
  readonly Healthcheck?: HealthConfig | null | undefined;
  readonly ArgsEscaped?: boolean | undefined;
  readonly Image?: string | undefined;
  readonly Volumes?: Readonly<Record<string, object>> | null | undefined;
  readonly WorkingDir?: string | undefined;
  readonly Entrypoint?: readonly string[] | null | undefined;
  readonly NetworkDisabled?: boolean | undefined;
  readonly MacAddress?: string | undefined;
  readonly OnBuild?: readonly string[] | null | undefined;
  readonly Labels?: Readonly<Record<string, string>> | null | undefined;
  readonly StopSignal?: string | undefined;
  readonly StopTimeout?: number | null | undefined;
  readonly Shell?: readonly string[] | null | undefined;
}

export interface PortBinding {
  readonly HostIp?: string | undefined;
  readonly HostPort?: string | undefined;
}

export type PortMap = Readonly<Record<string, readonly PortBinding[] | null>>;

export interface MountRequest {
  readonly Target?: string | undefined;
  readonly Source?: string | undefined;
  readonly Type?: string | undefined;
  readonly ReadOnly?: boolean | undefined;
  readonly Consistency?: string | undefined;
  readonly BindOptions?:
    | {
        readonly Propagation?: string | undefined;
        readonly NonRecursive?: boolean | undefined;
        readonly CreateMountpoint?: boolean | undefined;
        readonly ReadOnlyNonRecursive?: boolean | undefined;
        readonly ReadOnlyForceRecursive?: boolean | undefined;
      }
    | undefined;
  readonly VolumeOptions?:
    | {
        readonly NoCopy?: boolean | undefined;
        readonly Labels?: Readonly<Record<string, string>> | undefined;
        readonly DriverConfig?:
          | {
              readonly Name?: string | undefined;
              readonly Options?: Readonly<Record<string, string>> | undefined;
            }
          | undefined;
        readonly Subpath?: string | undefined;
      }
    | undefined;
  readonly TmpfsOptions?:
    | {
        readonly SizeBytes?: number | undefined;
        readonly Mode?: number | undefined;
        readonly Options?: readonly (readonly string[])[] | undefined;
      }
    | undefined;
  readonly ImageOptions?: object | undefined;
}

export interface RestartPolicy {
  /** `no` or empty, `always`, `unless-stopped`, `on-failure`. */
  readonly Name?: string | undefined;
  readonly MaximumRetryCount?: number | undefined;
}

export interface Ulimit {
  readonly Name?: string | undefined;
  readonly Soft?: number | undefined;
  readonly Hard?: number | undefined;
}

export interface DeviceMapping {
  readonly PathOnHost?: string | undefined;
  readonly PathInContainer?: string | undefined;
  readonly CgroupPermissions?: string | undefined;
}

/** The fields that are honoured; every other one is refused by name unless it has its default value. */
export interface HostConfig {
  readonly Binds?: readonly string[] | null | undefined;
  readonly ContainerIDFile?: string | undefined;
  readonly LogConfig?:
    | {
        readonly Type?: string | undefined;
        readonly Config?: Readonly<Record<string, string>> | null | undefined;
      }
    | undefined;
  readonly NetworkMode?: string | undefined;
  readonly PortBindings?: PortMap | null | undefined;
  readonly PublishAllPorts?: boolean | undefined;
  readonly RestartPolicy?: RestartPolicy | undefined;
  readonly AutoRemove?: boolean | undefined;
  readonly Mounts?: readonly MountRequest[] | null | undefined;
  readonly VolumesFrom?: readonly string[] | null | undefined;
  readonly ConsoleSize?: readonly number[] | undefined;
  readonly CapAdd?: readonly string[] | null | undefined;
  readonly CapDrop?: readonly string[] | null | undefined;
  readonly CgroupnsMode?: string | undefined;
  readonly Dns?: readonly string[] | null | undefined;
  readonly DnsOptions?: readonly string[] | null | undefined;
  readonly DnsSearch?: readonly string[] | null | undefined;
  readonly ExtraHosts?: readonly string[] | null | undefined;
  readonly GroupAdd?: readonly string[] | null | undefined;
  readonly IpcMode?: string | undefined;
  readonly PidMode?: string | undefined;
  readonly UTSMode?: string | undefined;
  readonly Privileged?: boolean | undefined;
  readonly ReadonlyRootfs?: boolean | undefined;
  readonly SecurityOpt?: readonly string[] | null | undefined;
  readonly Tmpfs?: Readonly<Record<string, string>> | null | undefined;
  readonly ShmSize?: number | undefined;
  readonly Sysctls?: Readonly<Record<string, string>> | null | undefined;
  readonly Runtime?: string | undefined;
  readonly OomScoreAdj?: number | undefined;
  readonly Init?: boolean | null | undefined;
  readonly MaskedPaths?: readonly string[] | null | undefined;
  readonly ReadonlyPaths?: readonly string[] | null | undefined;
  readonly Memory?: number | undefined;
  readonly MemoryReservation?: number | undefined;
  readonly MemorySwap?: number | undefined;
  readonly MemorySwappiness?: number | null | undefined;
  readonly NanoCpus?: number | undefined;
  readonly CpuShares?: number | undefined;
  readonly CpuPeriod?: number | undefined;
  readonly CpuQuota?: number | undefined;
  readonly CpusetCpus?: string | undefined;
  readonly CpusetMems?: string | undefined;
  readonly PidsLimit?: number | null | undefined;
  readonly Ulimits?: readonly Ulimit[] | null | undefined;
  readonly Devices?: readonly DeviceMapping[] | null | undefined;
  readonly Annotations?: Readonly<Record<string, string>> | null | undefined;
}

export interface EndpointRequest {
  readonly Aliases?: readonly string[] | null | undefined;
  readonly IPAMConfig?: { readonly IPv4Address?: string | undefined } | null | undefined;
  readonly MacAddress?: string | undefined;
}

export interface NetworkingConfig {
  readonly EndpointsConfig?: Readonly<Record<string, EndpointRequest | null>> | null | undefined;
}

export interface HealthLogEntry {
  readonly Start: string;
  readonly End: string;
  readonly ExitCode: number;
  readonly Output: string;
}

export interface HealthInspect {
  readonly Status: 'none' | 'starting' | 'healthy' | 'unhealthy';
  readonly FailingStreak: number;
  readonly Log: readonly HealthLogEntry[];
}

export interface StateInspect {
  readonly Status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  readonly Running: boolean;
  readonly Paused: boolean;
  readonly Restarting: boolean;
  readonly OOMKilled: boolean;
  readonly Dead: boolean;
  readonly Pid: number;
  readonly ExitCode: number;
  readonly Error: string;
  readonly StartedAt: string;
  readonly FinishedAt: string;
  readonly Health?: HealthInspect | undefined;
}

export interface MountPoint {
  readonly Type: string;
  readonly Name?: string | undefined;
  readonly Source: string;
  readonly Destination: string;
  readonly Driver?: string | undefined;
  readonly Mode: string;
  readonly RW: boolean;
  readonly Propagation: string;
}

export interface EndpointInspect {
  readonly IPAMConfig: object | null;
  readonly Links: null;
  readonly Aliases: readonly string[] | null;
  readonly MacAddress: string;
  readonly DriverOpts: null;
  readonly GwPriority: number;
  readonly NetworkID: string;
  readonly EndpointID: string;
  readonly Gateway: string;
  readonly IPAddress: string;
  readonly IPPrefixLen: number;
  readonly IPv6Gateway: string;
  readonly GlobalIPv6Address: string;
  readonly GlobalIPv6PrefixLen: number;
  readonly DNSNames: readonly string[] | null;
}

export interface NetworkSettings {
  readonly Bridge: string;
  readonly SandboxID: string;
  readonly SandboxKey: string;
  readonly Ports: PortMap;
  readonly HairpinMode: boolean;
  readonly LinkLocalIPv6Address: string;
  readonly LinkLocalIPv6PrefixLen: number;
  readonly SecondaryIPAddresses: null;
  readonly SecondaryIPv6Addresses: null;
  readonly EndpointID: string;
  readonly Gateway: string;
  readonly GlobalIPv6Address: string;
  readonly GlobalIPv6PrefixLen: number;
  readonly IPAddress: string;
  readonly IPPrefixLen: number;
  readonly IPv6Gateway: string;
  readonly MacAddress: string;
  readonly Networks: Readonly<Record<string, EndpointInspect>>;
}

export interface ContainerInspect {
  readonly Id: string;
  readonly Created: string;
  readonly Path: string;
  readonly Args: readonly string[];
  readonly State: StateInspect;
  readonly Image: string;
  readonly ResolvConfPath: string;
  readonly HostnamePath: string;
  readonly HostsPath: string;
  readonly LogPath: string;
  readonly Name: string;
  readonly RestartCount: number;
  readonly Driver: string;
  readonly Platform: string;
  readonly MountLabel: string;
  readonly ProcessLabel: string;
  readonly AppArmorProfile: string;
  readonly ExecIDs: readonly string[] | null;
  readonly HostConfig: HostConfig;
  readonly GraphDriver: { readonly Name: string; readonly Data: Readonly<Record<string, string>> | null };
  readonly SizeRw?: number | undefined;
  readonly SizeRootFs?: number | undefined;
  readonly Mounts: readonly MountPoint[];
  readonly Config: ContainerConfig;
  readonly NetworkSettings: NetworkSettings;
}

export interface PortSummary {
  readonly IP?: string | undefined;
  readonly PrivatePort: number;
  readonly PublicPort?: number | undefined;
  readonly Type: string;
}

export interface ContainerSummary {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly ImageID: string;
  readonly Command: string;
  /** Seconds since 1970. */
  readonly Created: number;
  readonly Ports: readonly PortSummary[];
  readonly SizeRw?: number | undefined;
  readonly SizeRootFs?: number | undefined;
  readonly Labels: Readonly<Record<string, string>>;
  readonly State: string;
  readonly Status: string;
  readonly HostConfig: { readonly NetworkMode: string };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, EndpointInspect>> };
  readonly Mounts: readonly MountPoint[];
}

export interface ExecInspect {
  readonly ID: string;
  readonly Running: boolean;
  readonly ExitCode: number | null;
  readonly ProcessConfig: {
    readonly tty: boolean;
    readonly entrypoint: string;
    readonly arguments: readonly string[];
    readonly privileged: boolean;
    readonly user?: string | undefined;
  };
  readonly OpenStdin: boolean;
  readonly OpenStderr: boolean;
  readonly OpenStdout: boolean;
  readonly CanRemove: boolean;
  readonly ContainerID: string;
  readonly DetachKeys: string;
  readonly Pid: number;
}

export interface VolumeInspect {
  readonly Name: string;
  readonly Driver: string;
  readonly Mountpoint: string;
  readonly CreatedAt: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Options: Readonly<Record<string, string>> | null;
  readonly Scope: 'local';
  readonly UsageData?: { readonly Size: number; readonly RefCount: number } | undefined;
}

export interface VolumeCreateOptions {
  readonly Name?: string | undefined;
  readonly Driver?: string | undefined;
  readonly DriverOpts?: Readonly<Record<string, string>> | null | undefined;
  readonly Labels?: Readonly<Record<string, string>> | null | undefined;
}

/** GET /containers/{id}/stats; `precpu_stats` is empty for the first reading. */
export type StatsReading = Readonly<Record<string, unknown>>;
