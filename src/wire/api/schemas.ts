import * as z from 'zod/mini';
import { buildSchemas } from './build-schema.ts';

/** What clients write where Go has an empty map, list or string. */
const maybe = <T extends z.core.$ZodType>(schema: T): z.ZodMiniOptional<z.ZodMiniNullable<T>> =>
  z.optional(z.nullable(schema));

const text = z.optional(z.string());
const whole = z.optional(z.int());
const flag = z.optional(z.boolean());
const strings = maybe(z.array(z.string()));
const textMap = maybe(z.record(z.string(), z.string()));
const emptyMap = maybe(z.record(z.string(), z.looseObject({})));

/** A list of words, or one word. */
const words = maybe(
  z.pipe(
    z.union([z.array(z.string()), z.string()]),
    z.transform((value: string[] | string) => (typeof value === 'string' ? [value] : value)),
  ),
);

const health = z.looseObject({
  Test: z.optional(z.array(z.string())),
  Interval: whole,
  Timeout: whole,
  Retries: whole,
  StartPeriod: whole,
  StartInterval: whole,
});

const containerFields = {
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ExposedPorts: emptyMap,
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: strings,
  Cmd: words,
  Healthcheck: maybe(health),
  ArgsEscaped: flag,
  Image: text,
  Volumes: emptyMap,
  WorkingDir: text,
  Entrypoint: words,
  NetworkDisabled: flag,
  MacAddress: text,
  OnBuild: strings,
  Labels: textMap,
  StopSignal: text,
  StopTimeout: maybe(z.int()),
  Shell: words,
};

const portBinding = z.looseObject({ HostIp: text, HostPort: text });

const mount = z.looseObject({
  Target: text,
  Source: text,
  Type: text,
  ReadOnly: flag,
  Consistency: text,
  BindOptions: z.optional(
    z.looseObject({
      Propagation: text,
      NonRecursive: flag,
      CreateMountpoint: flag,
      ReadOnlyNonRecursive: flag,
      ReadOnlyForceRecursive: flag,
    }),
  ),
  VolumeOptions: z.optional(
    z.looseObject({
      NoCopy: flag,
      Labels: z.optional(z.record(z.string(), z.string())),
      DriverConfig: z.optional(
        z.looseObject({ Name: text, Options: z.optional(z.record(z.string(), z.string())) }),
      ),
      Subpath: text,
    }),
  ),
  TmpfsOptions: z.optional(
    z.looseObject({ SizeBytes: whole, Mode: whole, Options: z.optional(z.array(z.array(z.string()))) }),
  ),
  ImageOptions: z.optional(z.looseObject({})),
});

const hostConfig = z.looseObject({
  Binds: strings,
  ContainerIDFile: text,
  LogConfig: z.optional(z.looseObject({ Type: text, Config: textMap })),
  NetworkMode: text,
  PortBindings: maybe(z.record(z.string(), z.nullable(z.array(portBinding)))),
  PublishAllPorts: flag,
  RestartPolicy: z.optional(z.looseObject({ Name: text, MaximumRetryCount: whole })),
  AutoRemove: flag,
  Mounts: maybe(z.array(mount)),
  VolumesFrom: strings,
  ConsoleSize: z.optional(z.array(z.int())),
  CapAdd: strings,
  CapDrop: strings,
  CgroupnsMode: text,
  Dns: strings,
  DnsOptions: strings,
  DnsSearch: strings,
  ExtraHosts: strings,
  GroupAdd: strings,
  IpcMode: text,
  PidMode: text,
  UTSMode: text,
  Privileged: flag,
  ReadonlyRootfs: flag,
  SecurityOpt: strings,
  Tmpfs: textMap,
  ShmSize: whole,
  Sysctls: textMap,
  Runtime: text,
  OomScoreAdj: whole,
  Init: maybe(z.boolean()),
  MaskedPaths: strings,
  ReadonlyPaths: strings,
  Memory: whole,
  MemoryReservation: whole,
  MemorySwap: whole,
  MemorySwappiness: maybe(z.int()),
  NanoCpus: whole,
  CpuShares: whole,
  CpuPeriod: whole,
  CpuQuota: whole,
  CpusetCpus: text,
  CpusetMems: text,
  PidsLimit: maybe(z.int()),
  Ulimits: maybe(z.array(z.looseObject({ Name: text, Soft: whole, Hard: whole }))),
  Devices: maybe(
    z.array(z.looseObject({ PathOnHost: text, PathInContainer: text, CgroupPermissions: text })),
  ),
  Annotations: textMap,
});

const endpoint = z.looseObject({
  Aliases: strings,
  IPAMConfig: maybe(z.looseObject({ IPv4Address: text })),
  MacAddress: text,
});

const networkingConfig = z.looseObject({
  EndpointsConfig: maybe(z.record(z.string(), z.nullable(endpoint))),
});

/** Bodies of requests. Unknown fields stay, so that the engine can refuse what it does not honour by name. */
export const bodySchemas = {
  containerCreate: z.looseObject({
    ...containerFields,
    HostConfig: maybe(hostConfig),
    NetworkingConfig: maybe(networkingConfig),
  }),
  /** The configuration that a commit overrides. */
  containerConfig: z.looseObject(containerFields),
  /** Limits and the restart policy. */
  containerUpdate: hostConfig,
  execCreate: z.looseObject({
    AttachStdin: flag,
    AttachStdout: flag,
    AttachStderr: flag,
    ConsoleSize: maybe(z.array(z.int())),
    DetachKeys: text,
    Tty: flag,
    Env: strings,
    Cmd: z.array(z.string()),
    Privileged: flag,
    User: text,
    WorkingDir: text,
  }),
  execStart: z.looseObject({ Detach: flag, Tty: flag, ConsoleSize: maybe(z.array(z.int())) }),
  volumeCreate: z.looseObject({ Name: text, Driver: text, DriverOpts: textMap, Labels: textMap }),
  networkCreate: z.looseObject({
    Name: z.string(),
    CheckDuplicate: flag,
    Driver: text,
    Scope: text,
    Internal: flag,
    Attachable: flag,
    Ingress: flag,
    ConfigOnly: flag,
    EnableIPv4: maybe(z.boolean()),
    EnableIPv6: maybe(z.boolean()),
    IPAM: maybe(
      z.looseObject({
        Driver: text,
        Config: maybe(
          z.array(z.looseObject({ Subnet: text, IPRange: text, Gateway: text, AuxiliaryAddresses: textMap })),
        ),
        Options: textMap,
      }),
    ),
    Options: textMap,
    Labels: textMap,
  }),
  networkConnect: z.looseObject({ Container: z.string(), EndpointConfig: maybe(endpoint) }),
  networkDisconnect: z.looseObject({ Container: z.string(), Force: flag }),
  auth: z.looseObject({
    username: text,
    password: text,
    email: text,
    serveraddress: text,
    identitytoken: text,
  }),
  /** POST /lade/v1/system/prune. */
  ladePrune: z.strictObject({
    all: flag,
    volumes: flag,
    filters: z.optional(z.record(z.string(), z.array(z.string()))),
    /** Frees at once: nothing can be undone. */
    purge: flag,
    /** Only says what would go. */
    dryRun: flag,
  }),
  /** POST /lade/v1/images/prune. */
  ladeImagePrune: z.strictObject({
    all: flag,
    filters: z.optional(z.record(z.string(), z.array(z.string()))),
    /** Also tags beyond the newest so many of their repository. */
    keepLast: z.optional(z.int()),
    purge: flag,
    dryRun: flag,
  }),
  /** PUT /lade/v1/config/KEY. */
  ladeSetting: z.strictObject({ value: z.string() }),
  /** POST /lade/v1/images/copy. */
  ladeImageCopy: z.strictObject({ source: z.string(), target: z.string(), platform: text, referrers: flag }),
  /** POST /lade/v1/manifests/create. */
  ladeListCreate: z.strictObject({
    list: z.string(),
    manifests: z.array(z.string()).check(z.minLength(1)),
    amend: flag,
    insecure: flag,
  }),
  /** POST /lade/v1/manifests/annotate. */
  ladeListAnnotate: z.strictObject({
    list: z.string(),
    manifest: z.string(),
    os: text,
    architecture: text,
    variant: text,
    osVersion: text,
    osFeatures: z.optional(z.array(z.string())),
  }),
  /** POST /lade/v1/manifests/push. */
  ladeListPush: z.strictObject({ list: z.string(), purge: flag, insecure: flag }),
  /** POST /lade/v1/system/adopt: images of a Docker installation, by address or by data folder. */
  ladeAdopt: z.strictObject({ host: text, dataRoot: text, moveNames: flag }),
  ...buildSchemas,
};

export type BodySchemas = typeof bodySchemas;
