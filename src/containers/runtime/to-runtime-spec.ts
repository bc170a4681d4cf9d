import { chooseCapabilities } from './capabilities.ts';
import { defaultSeccompProfile } from './seccomp-default.ts';
import { compileSeccomp } from './seccomp.ts';
import { rlimitsOf, UNLIMITED } from './rlimits.ts';
import { mountsOf, rootPropagationOf } from './spec-mounts.ts';
import { devicesOf, resourcesOf } from './spec-resources.ts';
import type {
  RuntimeCapabilities,
  RuntimeNamespace,
  RuntimeProcess,
  RuntimeSeccomp,
  RuntimeSpec,
} from './spec-types.ts';
import type { HostFacts, NetworkInput, ProcessInput, SpecInput } from './types.ts';

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Kernel interfaces that no container should see: Docker's list. */
export const DEFAULT_MASKED_PATHS: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

export const DEFAULT_READONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/** What else of a container decides how one of its processes runs. */
export type ProcessContext = Pick<
  SpecInput,
  'hostname' | 'capAdd' | 'capDrop' | 'privileged' | 'noNewPrivileges' | 'rlimits' | 'oomScoreAdj'
>;

const environmentOf = (process: ProcessInput, hostname: string | undefined): readonly string[] => {
  const values = new Map<string, string>([['PATH', DEFAULT_PATH]]);
  if (hostname !== undefined) values.set('HOSTNAME', hostname);
  if (process.terminal === true) values.set('TERM', 'xterm');
  for (const entry of process.env) {
    const at = entry.indexOf('=');
    if (at === -1) values.delete(entry);
    else values.set(entry.slice(0, at), entry.slice(at + 1));
  }
  if (process.user !== undefined && !values.has('HOME')) values.set('HOME', process.user.home);
  return [...values].map(([key, value]) => `${key}=${value}`);
};

/** As Docker: another user than root gets the bounding set only, so that set-user-ID programs still work. */
const capabilitySets = (names: readonly string[], uid: number): RuntimeCapabilities => {
  const held = uid === 0 ? names : [];
  return { bounding: names, effective: held, permitted: held };
};

/** `process` of config.json; also what an exec in the same container runs with. */
export const toRuntimeProcess = (
  process: ProcessInput,
  context: ProcessContext,
  host: HostFacts,
): RuntimeProcess => {
  const names = chooseCapabilities(
    { add: context.capAdd, drop: context.capDrop, privileged: context.privileged },
    host.capabilities,
  );
  const user = process.user ?? { uid: 0, gid: 0, additionalGids: [], home: '/root' };
  const size = process.consoleSize;
  return {
    terminal: process.terminal ?? false,
    ...(size === undefined ? {} : { consoleSize: { height: size.rows, width: size.cols } }),
    user: {
      uid: user.uid,
      gid: user.gid,
      ...(user.additionalGids.length === 0 ? {} : { additionalGids: user.additionalGids }),
    },
    args: process.args,
    env: environmentOf(process, context.hostname),
    cwd: process.cwd === undefined || process.cwd === '' ? '/' : process.cwd,
    capabilities: capabilitySets(names, user.uid),
    ...(context.rlimits === undefined || context.rlimits.length === 0
      ? {}
      : { rlimits: rlimitsOf(context.rlimits, host) }),
    noNewPrivileges: context.noNewPrivileges ?? false,
    ...(context.oomScoreAdj === undefined ? {} : { oomScoreAdj: context.oomScoreAdj }),
  };
};

const networkNamespace = (network: NetworkInput = { kind: 'none' }): readonly RuntimeNamespace[] => {
  if (network.kind === 'host') return [];
  return [network.kind === 'path' ? { type: 'network', path: network.path } : { type: 'network' }];
};

const namespacesOf = (input: SpecInput, host: HostFacts): readonly RuntimeNamespace[] => {
  const cgroupns = input.cgroupns ?? (host.cgroup === 'v2' ? 'private' : 'host');
  return [
    { type: 'mount' },
    ...networkNamespace(input.network),
    ...(input.uts === 'host' ? [] : [{ type: 'uts' } as const]),
    ...(input.pid === 'host' ? [] : [{ type: 'pid' } as const]),
    ...(input.ipc === 'host' ? [] : [{ type: 'ipc' } as const]),
    ...(cgroupns === 'host' ? [] : [{ type: 'cgroup' } as const]),
  ];
};

const seccompOf = (
  input: SpecInput,
  process: RuntimeProcess,
  host: HostFacts,
): RuntimeSeccomp | undefined => {
  const choice = input.seccomp ?? { kind: 'default' };
  if (input.privileged === true || choice.kind === 'unconfined') return undefined;
  const profile = choice.kind === 'profile' ? choice.profile : defaultSeccompProfile;
  return compileSeccomp(profile, { capabilities: process.capabilities.bounding, host });
};

const linuxOf = (input: SpecInput, process: RuntimeProcess, host: HostFacts): RuntimeSpec['linux'] => {
  const privileged = input.privileged === true;
  const seccomp = seccompOf(input, process, host);
  const propagation = rootPropagationOf(input);
  const devices = devicesOf(input);
  return {
    namespaces: namespacesOf(input, host),
    cgroupsPath: `${input.cgroupParent ?? '/lade'}/${input.id}`,
    resources: resourcesOf(input),
    ...(devices.length === 0 ? {} : { devices }),
    ...(seccomp === undefined ? {} : { seccomp }),
    maskedPaths: input.maskedPaths ?? (privileged ? [] : DEFAULT_MASKED_PATHS),
    readonlyPaths: input.readonlyPaths ?? (privileged ? [] : DEFAULT_READONLY_PATHS),
    ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
    ...(input.sysctls === undefined ? {} : { sysctl: input.sysctls }),
  };
};

/**
 * config.json of one container (OCI runtime specification 1.0.2), with Docker's defaults for whatever is not said.
 * Pure: the same input gives the same spec.
 */
export const toRuntimeSpec = (input: SpecInput, host: HostFacts): RuntimeSpec => {
  const process = toRuntimeProcess(input.process, input, host);
  const ownName = input.uts !== 'host';
  return {
    ociVersion: '1.0.2',
    process,
    root: { path: input.rootfs, readonly: input.readonlyRootfs ?? false },
    ...(ownName && input.hostname !== undefined ? { hostname: input.hostname } : {}),
    ...(ownName && input.domainname !== undefined && input.domainname !== ''
      ? { domainname: input.domainname }
      : {}),
    mounts: mountsOf(input),
    ...(input.annotations === undefined ? {} : { annotations: input.annotations }),
    linux: linuxOf(input, process, host),
  };
};

/** The file's bytes; RLIM_INFINITY, which no double holds, is written exactly. */
export const encodeSpec = (value: RuntimeSpec | RuntimeProcess): string =>
  JSON.stringify(value).replaceAll(`:${String(UNLIMITED)}`, ':18446744073709551615');
