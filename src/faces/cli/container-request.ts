import type { FlagValues } from '#console';
import type { CONTAINER_FLAGS } from './container-flags.ts';
import { readEnvironment, readLabels } from './environment.ts';
import { cliErrors } from './errors.ts';
import { parseDevice, parseExtraHost, parseUlimit, readSecurityOption } from './host-specs.ts';
import { parseMount, parseTmpfs, parseVolumes, type VolumeFlags } from './mount-specs.ts';
import { readNetworks } from './network-specs.ts';
import { parseExposed, parsePublished } from './port-specs.ts';
import { parseRestart } from './restart-policy.ts';
import { toMap } from './text-lists.ts';

export type ContainerFlags = FlagValues<typeof CONTAINER_FLAGS>;

export interface Attached {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** Which streams `--attach`, `-i` and `-d` ask for. */
export const attachedStreams = (flags: ContainerFlags, detached: boolean): Attached => {
  const names = flags.attach.map((name) => name.toLowerCase());
  const odd = names.find((name) => !['stdin', 'stdout', 'stderr'].includes(name));
  if (odd !== undefined)
    throw cliErrors.argumentInvalid({
      problem: `invalid argument "${odd}" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`,
      advice: 'write -a stdout -a stderr',
    });
  if (detached) return { stdin: false, stdout: false, stderr: false };
  if (names.length === 0) return { stdin: flags.interactive, stdout: true, stderr: true };
  return {
    stdin: names.includes('stdin'),
    stdout: names.includes('stdout'),
    stderr: names.includes('stderr'),
  };
};

/** A list, or nothing when it is empty: only what was asked for is sent. */
const some = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list);
const someMap = <T>(map: Readonly<Record<string, T>>): Readonly<Record<string, T>> | undefined =>
  Object.keys(map).length === 0 ? undefined : map;

const healthOf = (flags: ContainerFlags): object | undefined => {
  const times = {
    Interval: flags['health-interval'],
    Timeout: flags['health-timeout'],
    StartPeriod: flags['health-start-period'],
    StartInterval: flags['health-start-interval'],
    Retries: flags['health-retries'],
  };
  const command = flags['health-cmd'];
  const given = command !== undefined || Object.values(times).some((value) => value !== undefined);
  if (flags['no-healthcheck']) {
    if (!given) return { Test: ['NONE'] };
    throw cliErrors.optionsConflict({
      problem: '--no-healthcheck conflicts with --health-* options',
      command: 'lade run',
    });
  }
  if (!given) return undefined;
  return { ...times, Test: command === undefined || command === '' ? undefined : ['CMD-SHELL', command] };
};

const configOf = (
  flags: ContainerFlags,
  at: { readonly image: string; readonly words: readonly string[] },
) => ({
  Hostname: flags.hostname,
  Domainname: flags.domainname,
  User: flags.user,
  Tty: flags.tty,
  OpenStdin: flags.interactive,
  Env: some(readEnvironment(flags['env-file'], flags.env, process.env)),
  Cmd: some(at.words),
  Image: at.image,
  WorkingDir: flags.workdir,
  Entrypoint: flags.entrypoint === undefined ? undefined : [flags.entrypoint],
  Labels: someMap(readLabels(flags['label-file'], flags.label)),
  StopSignal: flags['stop-signal'],
  StopTimeout: flags['stop-timeout'],
  Healthcheck: healthOf(flags),
});

const limitsOf = (flags: ContainerFlags) => ({
  Memory: flags.memory,
  MemoryReservation: flags['memory-reservation'],
  MemorySwap: flags['memory-swap'],
  MemorySwappiness: flags['memory-swappiness'],
  NanoCpus: flags.cpus === undefined ? undefined : Math.round(flags.cpus * 1e9),
  CpuShares: flags['cpu-shares'],
  CpuPeriod: flags['cpu-period'],
  CpuQuota: flags['cpu-quota'],
  CpusetCpus: flags['cpuset-cpus'],
  CpusetMems: flags['cpuset-mems'],
  PidsLimit: flags['pids-limit'],
  BlkioWeight: flags['blkio-weight'],
  OomKillDisable: flags['oom-kill-disable'] || undefined,
  OomScoreAdj: flags['oom-score-adj'],
  Ulimits: some(flags.ulimit.map(parseUlimit)),
  Devices: some(flags.device.map(parseDevice)),
  DeviceCgroupRules: some(flags['device-cgroup-rule']),
  CgroupParent: flags['cgroup-parent'],
});

const isolationOf = (flags: ContainerFlags) => ({
  CapAdd: some(flags['cap-add']),
  CapDrop: some(flags['cap-drop']),
  Privileged: flags.privileged || undefined,
  ReadonlyRootfs: flags['read-only'] || undefined,
  SecurityOpt: some(flags['security-opt'].map(readSecurityOption)),
  GroupAdd: some(flags['group-add']),
  IpcMode: flags.ipc,
  PidMode: flags.pid,
  UTSMode: flags.uts,
  UsernsMode: flags.userns,
  CgroupnsMode: flags.cgroupns,
  Sysctls: someMap(toMap(flags.sysctl)),
  Runtime: flags.runtime,
  Annotations: someMap(toMap(flags.annotation)),
  Init: flags.init || undefined,
});

const storageOf = (flags: ContainerFlags, volumes: VolumeFlags) => ({
  Binds: some(volumes.binds),
  Mounts: some(flags.mount.map(parseMount)),
  Tmpfs: someMap(parseTmpfs(flags.tmpfs)),
  ShmSize: flags['shm-size'],
  VolumesFrom: some(flags['volumes-from']),
  VolumeDriver: flags['volume-driver'],
  StorageOpt: someMap(toMap(flags['storage-opt'])),
});

const namesOf = (flags: ContainerFlags) => ({
  Dns: some(flags.dns),
  DnsOptions: some(flags['dns-option']),
  DnsSearch: some(flags['dns-search']),
  ExtraHosts: some(flags['add-host'].map(parseExtraHost)),
  Links: some(flags.link),
});

export interface RequestOptions {
  readonly image: string;
  readonly words: readonly string[];
  readonly attached: Attached;
  /** Rows and columns of the terminal, if there is one. */
  readonly consoleSize: readonly [number, number] | undefined;
}

const checkFlags = (flags: ContainerFlags): void => {
  if (flags.gpus !== undefined)
    throw cliErrors.notSupported({ feature: '--gpus', instead: 'give devices with --device' });
  if (flags.rm && flags.restart !== undefined && flags.restart !== 'no' && flags.restart !== '')
    throw cliErrors.optionsConflict({
      problem: 'cannot specify both --restart and --rm',
      command: 'lade run',
    });
};

const logConfigOf = (flags: ContainerFlags): object | undefined => {
  const options = someMap(toMap(flags['log-opt']));
  if (flags['log-driver'] === undefined && options === undefined) return undefined;
  return { Type: flags['log-driver'] ?? '', Config: options ?? {} };
};

/**
 * The body of POST /containers/create; what was not asked for is left out.
 *
 * @throws CLI_ARGUMENT_INVALID, CLI_OPTIONS_CONFLICT, CLI_FILE_UNREADABLE
 */
export const containerRequest = (flags: ContainerFlags, options: RequestOptions): object => {
  checkFlags(flags);
  const published = parsePublished(flags.publish);
  const volumes = parseVolumes(flags.volume);
  const networks = readNetworks(flags);
  return {
    ...configOf(flags, options),
    AttachStdin: options.attached.stdin,
    AttachStdout: options.attached.stdout,
    AttachStderr: options.attached.stderr,
    StdinOnce: flags.interactive && options.attached.stdin ? true : undefined,
    ExposedPorts: someMap(parseExposed(flags.expose, published)),
    Volumes: someMap(volumes.anonymous),
    HostConfig: {
      ...limitsOf(flags),
      ...isolationOf(flags),
      ...storageOf(flags, volumes),
      ...namesOf(flags),
      NetworkMode: networks.mode ?? 'default',
      PortBindings: someMap(published),
      PublishAllPorts: flags['publish-all'] || undefined,
      RestartPolicy: flags.restart === undefined ? undefined : parseRestart(flags.restart),
      AutoRemove: flags.rm || undefined,
      LogConfig: logConfigOf(flags),
      ContainerIDFile: flags.cidfile,
      ConsoleSize: options.consoleSize,
    },
    NetworkingConfig: networks.endpoints === undefined ? undefined : { EndpointsConfig: networks.endpoints },
  };
};
