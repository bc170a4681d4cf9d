import { existsSync, readFileSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem, version } from 'node:os';
import { basename } from 'node:path';
import { API_VERSION, LADE_VERSION, MIN_API_VERSION, type InfoAnswer, type VersionAnswer } from '#api';
import { findInitProgram } from '#engine';
import { proxyFields, registryFields } from './registry-info.ts';
import type { DaemonParts } from './types.ts';

const GO_ARCH: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const MACHINE: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** `PRETTY_NAME` and `VERSION_ID` of os-release(5). */
const osRelease = (): Readonly<Record<string, string>> => {
  const file = ['/etc/os-release', '/usr/lib/os-release'].find((path) => existsSync(path));
  if (file === undefined) return {};
  const lines = readFileSync(file, 'utf8').matchAll(/^(\w+)="?([^"\n]*)"?$/gm);
  return Object.fromEntries([...lines].map((line) => [line[1] ?? '', line[2] ?? '']));
};

/** GET /version. */
export const versionAnswer = async (parts: DaemonParts): Promise<VersionAnswer> => {
  const [runtimeLine = ''] = (await parts.runtime.version()).split('\n');
  const architecture = GO_ARCH[arch()] ?? arch();
  const facts = {
    Version: LADE_VERSION,
    ApiVersion: API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    GitCommit: 'none',
    GoVersion: `node ${process.version}`,
    Os: 'linux',
    Arch: architecture,
    KernelVersion: release(),
    BuildTime: '',
    Experimental: true,
  };
  const { Version: _version, Experimental: _experimental, ...details } = facts;
  return {
    Platform: { Name: 'Lade' },
    Components: [
      { Name: 'Engine', Version: LADE_VERSION, Details: { ...details, Experimental: 'true' } },
      { Name: parts.runtime.name, Version: runtimeLine.split(' ').at(-1) ?? '', Details: { GitCommit: '' } },
    ],
    ...facts,
  };
};

const swarmOff = {
  NodeID: '',
  NodeAddr: '',
  LocalNodeState: 'inactive',
  ControlAvailable: false,
  Error: '',
  RemoteManagers: null,
};

const machineFields = (parts: DaemonParts): object => {
  const system = osRelease();
  const { host } = parts.runtime;
  return {
    MemoryLimit: true,
    SwapLimit: host.swapLimit,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    IPv4Forwarding: true,
    OomKillDisable: false,
    CgroupDriver: 'cgroupfs',
    CgroupVersion: host.cgroup === 'v2' ? '2' : '1',
    KernelVersion: release(),
    OperatingSystem: system['PRETTY_NAME'] ?? version(),
    OSVersion: system['VERSION_ID'] ?? '',
    OSType: 'linux',
    Architecture: MACHINE[arch()] ?? arch(),
    NCPU: cpus().length,
    MemTotal: totalmem(),
    Name: hostname(),
  };
};

const productFields = (parts: DaemonParts): object => ({
  Plugins: {
    Volume: ['local'],
    Network: ['bridge', 'host', 'null'],
    Authorization: null,
    Log: ['json-file'],
  },
  Debug: false,
  NFd: -1,
  NGoroutines: -1,
  SystemTime: new Date().toISOString(),
  LoggingDriver: 'json-file',
  NEventsListener: 0,
  GenericResources: null,
  ...proxyFields(parts.registryHosts(), process.env),
  Labels: [],
  ExperimentalBuild: true,
  ServerVersion: LADE_VERSION,
  Runtimes: { [parts.runtime.name]: { path: parts.runtime.name } },
  DefaultRuntime: parts.runtime.name,
  Swarm: swarmOff,
  LiveRestoreEnabled: true,
  Isolation: '',
  InitBinary: basename(findInitProgram() ?? ''),
  ContainerdCommit: { ID: '' },
  RuncCommit: { ID: '' },
  InitCommit: { ID: '' },
  SecurityOptions: ['name=seccomp,profile=builtin'],
  CDISpecDirs: null,
  Warnings: [],
});

/** GET /info. */
export const infoAnswer = (parts: DaemonParts): InfoAnswer => {
  const counts = parts.engine.counts();
  return {
    ID: parts.id,
    Containers: counts.running + counts.paused + counts.stopped,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
    Images: parts.library.list({ all: true }).length,
    Driver: 'overlay2',
    DriverStatus: [['Layer Backend', parts.layers.backend]],
    DockerRootDir: parts.rootPath,
    ...productFields(parts),
    ...machineFields(parts),
    ...registryFields(parts.registryHosts()),
  } as unknown as InfoAnswer;
};
