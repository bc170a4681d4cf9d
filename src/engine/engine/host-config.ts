import { cpus } from 'node:os';
import { rlimitWarnings, type HostFacts } from '#runtime';
import { engineErrors } from './errors.ts';
import { checkInit } from './init-program.ts';
import type { ContainerConfig, HostConfig } from './wire-types.ts';

/** Fields of HostConfig that the engine honours; some only with certain values (see `RULES`). */
const SUPPORTED: ReadonlySet<string> = new Set(
  `Binds ContainerIDFile LogConfig NetworkMode PortBindings PublishAllPorts RestartPolicy AutoRemove Mounts VolumesFrom
  ConsoleSize CapAdd CapDrop CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts GroupAdd IpcMode PidMode UTSMode
  Privileged ReadonlyRootfs SecurityOpt Tmpfs ShmSize Sysctls Runtime OomScoreAdj Init MaskedPaths ReadonlyPaths Memory
  MemoryReservation MemorySwap MemorySwappiness NanoCpus CpuShares CpuPeriod CpuQuota CpusetCpus CpusetMems PidsLimit
  Ulimits Devices Annotations VolumeDriver UsernsMode Isolation`.split(/\s+/),
);

/** Values of the remaining fields, and of some honoured ones, that change nothing or can be had. */
const ALLOWED_VALUES: Readonly<Record<string, readonly unknown[]>> = {
  CgroupnsMode: ['', 'private', 'host'],
  IpcMode: ['', 'private', 'shareable', 'host'],
  Isolation: ['', 'default'],
  MemorySwappiness: [null, -1],
  PidMode: ['', 'private', 'host'],
  UTSMode: ['', 'private', 'host'],
  UsernsMode: ['', 'host'],
  VolumeDriver: ['', 'local'],
};

const RESTART_POLICIES: ReadonlySet<string> = new Set(['', 'no', 'always', 'unless-stopped', 'on-failure']);

const isDefault = (value: unknown): boolean => {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
};

const refuse = (option: string, reason?: string): never => {
  throw engineErrors.unsupportedOption({ option, reason });
};

const checkFields = (host: HostConfig): void => {
  for (const [field, value] of Object.entries(host)) {
    const allowed = ALLOWED_VALUES[field];
    if (allowed !== undefined && !isDefault(value) && !allowed.includes(value)) {
      refuse(`HostConfig.${field}=${String(value)}`);
    }
    if (!SUPPORTED.has(field) && !isDefault(value)) refuse(`HostConfig.${field}`);
  }
};

const checkLogging = (host: HostConfig): void => {
  const type = host.LogConfig?.Type ?? '';
  if (!['', 'json-file', 'local'].includes(type)) refuse(`the log driver ${type}`, 'logs are kept in files');
  const options = Object.keys(host.LogConfig?.Config ?? {});
  if (options.length > 0) refuse(`the log option ${options.join(', ')}`);
};

const checkRestart = (host: HostConfig): void => {
  const name = host.RestartPolicy?.Name ?? '';
  if (!RESTART_POLICIES.has(name)) {
    throw engineErrors.invalidConfig({ reason: `invalid restart policy: unknown policy '${name}'` });
  }
  const retries = host.RestartPolicy?.MaximumRetryCount ?? 0;
  if (retries !== 0 && name !== 'on-failure') {
    throw engineErrors.invalidConfig({
      reason: `invalid restart policy: maximum retry count can only be used with 'on-failure'`,
    });
  }
  if (host.AutoRemove === true && name !== '' && name !== 'no') {
    throw engineErrors.invalidConfig({ reason: `can't create 'AutoRemove' container with restart policy` });
  }
};

const MIN_MEMORY_BYTES = 6 * 1024 * 1024;

const checkResources = (host: HostConfig): void => {
  const memory = host.Memory ?? 0;
  if (memory !== 0 && memory < MIN_MEMORY_BYTES) {
    throw engineErrors.invalidConfig({ reason: 'Minimum memory limit allowed is 6MB' });
  }
  const available = cpus().length;
  const wanted = (host.NanoCpus ?? 0) / 1e9;
  if (wanted < 0 || wanted > available) {
    throw engineErrors.invalidConfig({
      reason: `Range of CPUs is from 0.01 to ${available}.00, as there are only ${available} CPUs available`,
    });
  }
  const swap = host.MemorySwap ?? 0;
  if (swap > 0 && memory === 0) {
    throw engineErrors.invalidConfig({
      reason: 'You should always set the Memory limit when using Memoryswap limit, see usage',
    });
  }
  if (swap > 0 && swap < memory) {
    throw engineErrors.invalidConfig({
      reason: 'Minimum memoryswap limit should be larger than memory limit, see usage',
    });
  }
  if ((host.NanoCpus ?? 0) !== 0 && ((host.CpuPeriod ?? 0) !== 0 || (host.CpuQuota ?? 0) !== 0)) {
    throw engineErrors.invalidConfig({
      reason: 'Conflicting options: Nano CPUs cannot be set together with a CPU period or quota',
    });
  }
};

const checkExtraHosts = (host: HostConfig): void => {
  const odd = (host.ExtraHosts ?? []).find((extra) => !/^[^\s:=]+[:=]\S+$/.test(extra));
  if (odd !== undefined)
    throw engineErrors.invalidConfig({ reason: `bad format for add-host: ${JSON.stringify(odd)}` });
};

/** Refuses by name whatever would change a container's behaviour and is not honoured. */
export const checkHostConfig = (host: HostConfig, runtimeName: string): void => {
  checkFields(host);
  checkLogging(host);
  checkRestart(host);
  checkResources(host);
  checkInit(host);
  checkExtraHosts(host);
  if (!['', undefined, runtimeName].includes(host.Runtime)) {
    throw engineErrors.invalidConfig({ reason: `unknown or invalid runtime name: ${host.Runtime}` });
  }
};

const checkName = (field: string, name: string | undefined): void => {
  if (/[\s\0]/.test(name ?? ''))
    throw engineErrors.invalidConfig({
      reason: `invalid ${field}: ${JSON.stringify(name)} has a blank in it`,
    });
};

export const checkConfig = (config: ContainerConfig): void => {
  checkName('hostname', config.Hostname);
  checkName('domainname', config.Domainname);
  if (config.NetworkDisabled === true) refuse('NetworkDisabled', 'use the network none');
};

/** `Ulimits` in the runtime's form. */
export const rlimitsOf = (
  host: HostConfig,
): readonly { readonly name: string; readonly soft: number; readonly hard: number }[] =>
  (host.Ulimits ?? []).map(({ Name = '', Soft = 0, Hard = Soft }) => ({
    name: Name,
    soft: Soft,
    hard: Hard,
  }));

/** What the client should know although the container can be made. */
export const warningsOf = (host: HostConfig, facts: HostFacts): readonly string[] => [
  ...rlimitWarnings(rlimitsOf(host), facts),
  ...((host.Memory ?? 0) !== 0 && !facts.swapLimit && (host.MemorySwap ?? 0) !== -1
    ? ['Your kernel does not support swap limit capabilities. Limitation discarded.']
    : []),
];
