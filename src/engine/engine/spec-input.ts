import {
  resolveUser,
  toRuntimeProcess,
  type ContainerUser,
  type HostFacts,
  type MountInput,
  type NetworkInput,
  type ProcessInput,
  type ResourcesInput,
  type RuntimeProcess,
  type SpecInput,
  type TerminalSize,
} from '#runtime';
import { devicesOf } from './devices.ts';
import { rlimitsOf } from './host-config.ts';
import { belowInit, initMounts } from './init-program.ts';
import { commandOf } from './merge-config.ts';
import { hostnameOf } from './networking.ts';
import type { ContainerRecord, MountRecord } from './record.ts';
import { parseSecurityOptions } from './security-options.ts';
import type { ExecConfig } from './types.ts';
import type { HostConfig } from './wire-types.ts';

const positive = (value: number | null | undefined): number | undefined =>
  value === undefined || value === null || value === 0 ? undefined : value;

const text = (value: string | undefined): string | undefined => (value === '' ? undefined : value);

/** Docker's rule: swap as large as the memory, unless something else is asked for. */
const swapOf = (host: HostConfig, facts: HostFacts): number | undefined => {
  if (!facts.swapLimit) return undefined;
  const memory = positive(host.Memory);
  const swap = positive(host.MemorySwap);
  return swap ?? (memory === undefined ? undefined : memory * 2);
};

/** Limits in the runtime's words. */
export const resourcesOf = (host: HostConfig, facts: HostFacts): ResourcesInput => ({
  memoryBytes: positive(host.Memory),
  memoryReservationBytes: positive(host.MemoryReservation),
  memorySwapBytes: swapOf(host, facts),
  nanoCpus: positive(host.NanoCpus),
  cpuShares: positive(host.CpuShares),
  cpuQuota: positive(host.CpuQuota),
  cpuPeriod: positive(host.CpuPeriod),
  cpusetCpus: text(host.CpusetCpus),
  cpusetMems: text(host.CpusetMems),
  pids: (host.PidsLimit ?? 0) > 0 ? (host.PidsLimit ?? undefined) : undefined,
});

const toMountInput = (mount: MountRecord): MountInput => {
  if (mount.kind === 'tmpfs') return { kind: 'tmpfs', target: mount.target, options: mount.options };
  return {
    kind: 'bind',
    source: mount.source,
    target: mount.target,
    readonly: mount.readonly,
    ...(mount.kind === 'bind' ? { propagation: mount.propagation, recursive: mount.recursive } : {}),
  };
};

export interface LaunchFacts {
  readonly rootfs: string;
  readonly network: NetworkInput;
  readonly ownFiles: readonly MountInput[];
  readonly consoleSize: TerminalSize | undefined;
  readonly host: HostFacts;
}

const processOf = (record: ContainerRecord, facts: LaunchFacts): ProcessInput => {
  const { config, hostConfig } = record;
  return {
    args: belowInit(hostConfig, commandOf(config)),
    env: config.Env ?? [],
    cwd: config.WorkingDir,
    terminal: config.Tty ?? false,
    consoleSize: facts.consoleSize,
    user: resolveUser(facts.rootfs, config.User, hostConfig.GroupAdd ?? []),
  };
};

const namespaces = (host: HostConfig): Pick<SpecInput, 'pid' | 'ipc' | 'uts' | 'cgroupns'> => ({
  pid: host.PidMode === 'host' ? 'host' : 'private',
  ipc: host.IpcMode === 'host' ? 'host' : 'private',
  uts: host.UTSMode === 'host' ? 'host' : 'private',
  ...(host.CgroupnsMode === 'host' || host.CgroupnsMode === 'private' ? { cgroupns: host.CgroupnsMode } : {}),
});

/** Everything that decides how processes of this container run, the first one and those of execs. */
const processContext = (record: ContainerRecord): Parameters<typeof toRuntimeProcess>[1] => {
  const { hostConfig } = record;
  return {
    hostname: hostnameOf(record),
    capAdd: hostConfig.CapAdd ?? [],
    capDrop: hostConfig.CapDrop ?? [],
    privileged: hostConfig.Privileged ?? false,
    noNewPrivileges: parseSecurityOptions(hostConfig.SecurityOpt).noNewPrivileges,
    rlimits: rlimitsOf(hostConfig),
    oomScoreAdj: positive(hostConfig.OomScoreAdj),
  };
};

/** What the runtime needs to run a container. */
export const toSpecInput = (record: ContainerRecord, facts: LaunchFacts): SpecInput => {
  const { config, hostConfig } = record;
  const security = parseSecurityOptions(hostConfig.SecurityOpt);
  return {
    id: record.id,
    rootfs: facts.rootfs,
    process: processOf(record, facts),
    ...processContext(record),
    ...namespaces(hostConfig),
    readonlyRootfs: hostConfig.ReadonlyRootfs ?? false,
    domainname: text(config.Domainname),
    network: facts.network,
    mounts: [...facts.ownFiles, ...initMounts(hostConfig), ...record.mounts.map(toMountInput)],
    shmSizeBytes: positive(hostConfig.ShmSize),
    seccomp: security.seccomp,
    maskedPaths: security.allPaths ? [] : (hostConfig.MaskedPaths ?? undefined),
    readonlyPaths: security.allPaths ? [] : (hostConfig.ReadonlyPaths ?? undefined),
    resources: resourcesOf(hostConfig, facts.host),
    devices: devicesOf(hostConfig),
    sysctls: hostConfig.Sysctls ?? undefined,
    annotations: hostConfig.Annotations ?? undefined,
  };
};

/** A further process in a running container, with its variables, directory and user unless the exec names others. */
export const toExecProcess = (
  record: ContainerRecord,
  config: ExecConfig,
  facts: { readonly rootfs: string; readonly host: HostFacts },
): RuntimeProcess => {
  const user: ContainerUser = resolveUser(
    facts.rootfs,
    config.user === undefined || config.user === '' ? record.config.User : config.user,
    record.hostConfig.GroupAdd ?? [],
  );
  const context = processContext(record);
  return toRuntimeProcess(
    {
      args: config.cmd,
      env: [...(record.config.Env ?? []), ...(config.env ?? [])],
      cwd: text(config.workingDir) ?? record.config.WorkingDir,
      terminal: config.tty ?? false,
      consoleSize: config.consoleSize,
      user,
    },
    config.privileged === true ? { ...context, privileged: true } : context,
    facts.host,
  );
};
