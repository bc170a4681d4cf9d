import { DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS } from '#runtime';
import type { Container } from './container.ts';
import { filesOf, type EngineContext } from './context.ts';
import { commandOf } from './merge-config.ts';
import { graphDriverOf, networkSettings } from './network-settings.ts';
import { hostnameOf, networkOwner } from './networking.ts';
import { statusWord, type ContainerRecord, type MountRecord } from './record.ts';
import { parseSecurityOptions } from './security-options.ts';
import { ZERO_TIME } from './time.ts';
import type { ContainerInspect, HostConfig, MountPoint, StateInspect } from './wire-types.ts';

/** The State of inspect. */
export const stateInspect = (record: ContainerRecord): StateInspect => {
  const { state } = record;
  const live = state.kind === 'running' || state.kind === 'paused';
  const ended = state.kind === 'exited' ? state : undefined;
  const failed = state.kind === 'created' || state.kind === 'exited' ? state : undefined;
  return {
    Status: statusWord(record),
    Running: live || (ended?.restarting ?? false),
    Paused: state.kind === 'paused',
    Restarting: ended?.restarting ?? false,
    OOMKilled: ended?.oomKilled ?? false,
    Dead: state.kind === 'dead',
    Pid: live ? state.pid : 0,
    ExitCode: failed?.exitCode ?? 0,
    Error: state.kind === 'dead' ? state.error : (failed?.error ?? ''),
    StartedAt: live ? state.startedAt : (ended?.startedAt ?? ZERO_TIME),
    FinishedAt: ended?.finishedAt ?? ZERO_TIME,
    ...(record.health === undefined ? {} : { Health: record.health }),
  };
};

/** Mounts of inspect and `ps`. */
export const mountPoint = (mount: MountRecord): MountPoint => {
  if (mount.kind === 'tmpfs') {
    return { Type: 'tmpfs', Source: '', Destination: mount.target, Mode: '', RW: true, Propagation: '' };
  }
  const common = {
    Type: mount.kind,
    Source: mount.source,
    Destination: mount.target,
    Mode: mount.mode,
    RW: !mount.readonly,
  };
  return mount.kind === 'bind'
    ? { ...common, Propagation: mount.propagation }
    : { ...common, Name: mount.name, Driver: 'local', Propagation: '' };
};

export interface Sizes {
  readonly SizeRw: number;
  readonly SizeRootFs: number;
}

/** What the container wrote, and that with its image. */
export const sizesOf = async (context: EngineContext, record: ContainerRecord): Promise<Sizes> => {
  const { bytes } = (await context.layers.snapshot(record.id)?.usage()) ?? { bytes: 0 };
  return { SizeRw: bytes, SizeRootFs: bytes + record.imageSize };
};

const pathsOf = (context: EngineContext, record: ContainerRecord) => {
  const own = filesOf(context, record.id);
  const shared = filesOf(context, networkOwner(context, record)?.id ?? record.id);
  return {
    ResolvConfPath: shared.resolvConf,
    HostnamePath: own.hostname,
    HostsPath: shared.hosts,
    LogPath: own.log,
  };
};

/** With the defaults that it is run with, and null where Docker has null for "no limit". */
const shownHostConfig = (host: HostConfig): HostConfig => {
  const open = host.Privileged === true || parseSecurityOptions(host.SecurityOpt).allPaths;
  return {
    ...host,
    MaskedPaths: host.MaskedPaths ?? (open ? null : DEFAULT_MASKED_PATHS),
    ReadonlyPaths: host.ReadonlyPaths ?? (open ? null : DEFAULT_READONLY_PATHS),
    PidsLimit: host.PidsLimit === 0 ? null : host.PidsLimit,
    MemorySwappiness: host.MemorySwappiness === -1 ? null : host.MemorySwappiness,
  };
};

/** GET /containers/{id}/json. */
export const inspect = async (
  context: EngineContext,
  container: Container,
  given: { readonly size: boolean; readonly execIds: readonly string[] },
): Promise<ContainerInspect> => {
  const { record } = container;
  const [path = '', ...args] = commandOf(record.config);
  return {
    Id: record.id,
    Created: record.created,
    Path: path,
    Args: args,
    State: stateInspect(record),
    Image: record.imageId,
    ...pathsOf(context, record),
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: 'overlay2',
    Platform: record.platform,
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: given.execIds.length === 0 ? null : given.execIds,
    HostConfig: shownHostConfig(record.hostConfig),
    GraphDriver: graphDriverOf(context, record),
    ...(given.size ? await sizesOf(context, record) : {}),
    Mounts: record.mounts.map(mountPoint),
    Config: { ...record.config, Hostname: hostnameOf(record), Image: record.imageName },
    NetworkSettings: networkSettings(context, record),
  };
};
