type Fields = Readonly<Record<string, unknown>>;

/**
 * Fields that docker's own types always have, with their zero values: a template may ask for them although the answer
 * leaves them out. They are never printed as part of the plain JSON.
 */
const CONFIG: Fields = {
  Domainname: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  ExposedPorts: null,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: [],
  Cmd: [],
  Healthcheck: null,
  Volumes: null,
  WorkingDir: '',
  Entrypoint: [],
  OnBuild: [],
  Labels: {},
  StopSignal: '',
  StopTimeout: null,
  Shell: [],
  User: '',
};

const HOST_CONFIG: Fields = {
  AutoRemove: false,
  Binds: [],
  CapAdd: [],
  CapDrop: [],
  CgroupParent: '',
  CgroupnsMode: '',
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuShares: 0,
  CpusetCpus: '',
  CpusetMems: '',
  Devices: [],
  Dns: [],
  DnsOptions: [],
  DnsSearch: [],
  ExtraHosts: [],
  GroupAdd: [],
  Init: null,
  IpcMode: '',
  Memory: 0,
  MemoryReservation: 0,
  MemorySwap: 0,
  Mounts: [],
  NanoCpus: 0,
  NetworkMode: '',
  OomScoreAdj: 0,
  PidMode: '',
  PidsLimit: null,
  PortBindings: {},
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: [],
  ShmSize: 0,
  Sysctls: {},
  Tmpfs: {},
  Ulimits: [],
  UTSMode: '',
  UsernsMode: '',
  VolumesFrom: [],
};

const DEFAULTS: Fields = { Config: CONFIG, HostConfig: HOST_CONFIG, State: { Health: null } };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `object` with the zero values of what it leaves out, for templates. */
export const withDefaults = (object: unknown): unknown => {
  if (!isRecord(object)) return object;
  const filled = Object.entries(object).map(([key, value]) => {
    const defaults = DEFAULTS[key];
    return [key, isRecord(defaults) && isRecord(value) ? { ...defaults, ...value } : value];
  });
  return Object.fromEntries(filled) as unknown;
};
