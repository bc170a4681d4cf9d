import type { RuntimeDevice, RuntimeDeviceRule, RuntimeResources } from './spec-types.ts';
import type { DeviceInput, ResourcesInput, SpecInput } from './types.ts';

const CPU_PERIOD_US = 100_000;

const allowed = (major: number, minor: number): RuntimeDeviceRule => ({
  allow: true,
  type: 'c',
  major,
  minor,
  access: 'rwm',
});

/** null, zero, full, random, urandom, tty, console; the runtime itself adds ptmx and the pseudo-terminals. */
const DEFAULT_DEVICE_RULES: readonly RuntimeDeviceRule[] = [
  { allow: false, access: 'rwm' },
  allowed(1, 3),
  allowed(1, 5),
  allowed(1, 7),
  allowed(1, 8),
  allowed(1, 9),
  allowed(5, 0),
  allowed(5, 1),
];

const ruleOf = (device: DeviceInput): RuntimeDeviceRule => ({
  allow: true,
  type: device.type,
  major: device.major,
  minor: device.minor,
  access: device.permissions,
});

const cpuOf = (input: ResourcesInput): RuntimeResources['cpu'] => {
  const quota =
    input.nanoCpus === undefined ? input.cpuQuota : Math.round((input.nanoCpus * CPU_PERIOD_US) / 1e9);
  const period = input.nanoCpus === undefined ? input.cpuPeriod : CPU_PERIOD_US;
  const cpu = {
    ...(input.cpuShares === undefined ? {} : { shares: input.cpuShares }),
    ...(quota === undefined ? {} : { quota }),
    ...(period === undefined ? {} : { period }),
    ...(input.cpusetCpus === undefined ? {} : { cpus: input.cpusetCpus }),
    ...(input.cpusetMems === undefined ? {} : { mems: input.cpusetMems }),
  };
  return Object.keys(cpu).length === 0 ? undefined : cpu;
};

const memoryOf = (input: ResourcesInput): RuntimeResources['memory'] => {
  const memory = {
    ...(input.memoryBytes === undefined ? {} : { limit: input.memoryBytes }),
    ...(input.memoryReservationBytes === undefined ? {} : { reservation: input.memoryReservationBytes }),
    ...(input.memorySwapBytes === undefined ? {} : { swap: input.memorySwapBytes }),
  };
  return Object.keys(memory).length === 0 ? undefined : memory;
};

/** Options of the OCI runtime's `update` for what is to change. */
export const updateArguments = (input: ResourcesInput): readonly string[] => {
  const [cpu, memory] = [cpuOf(input), memoryOf(input)];
  const options: readonly (readonly [string, number | string | undefined])[] = [
    ['--memory', memory?.limit],
    ['--memory-reservation', memory?.reservation],
    ['--memory-swap', memory?.swap],
    ['--cpu-period', cpu?.period],
    ['--cpu-quota', cpu?.quota],
    ['--cpu-share', cpu?.shares],
    ['--cpuset-cpus', cpu?.cpus],
    ['--cpuset-mems', cpu?.mems],
    ['--pids-limit', input.pids],
  ];
  return options.flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]));
};

/** `linux.resources` of one container. */
export const resourcesOf = (input: SpecInput): RuntimeResources => {
  const wanted = input.resources ?? {};
  const cpu = cpuOf(wanted);
  const memory = memoryOf(wanted);
  return {
    devices:
      input.privileged === true
        ? [{ allow: true, access: 'rwm' }]
        : [...DEFAULT_DEVICE_RULES, ...(input.devices ?? []).map(ruleOf)],
    ...(memory === undefined ? {} : { memory }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(wanted.pids === undefined ? {} : { pids: { limit: wanted.pids } }),
  };
};

/** `linux.devices`: nodes that the runtime makes besides its default ones. */
export const devicesOf = (input: SpecInput): readonly RuntimeDevice[] =>
  (input.devices ?? []).map((device) => ({
    path: device.pathInContainer,
    type: device.type,
    major: device.major,
    minor: device.minor,
    fileMode: device.fileMode,
    uid: 0,
    gid: 0,
  }));
