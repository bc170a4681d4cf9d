import { readFileSync, rmdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { signalProcess } from './processes.ts';
import type { RuntimeStats } from './types.ts';

const CGROUP_MOUNT = '/sys/fs/cgroup';
const UNLIMITED_FROM = 2 ** 62;
const NS_PER_US = 1000;
const NS_PER_TICK = 10_000_000;

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
};

const numberIn = (path: string): number => Number.parseInt(read(path), 10) || 0;

/** Lines of `key number`. */
const tableIn = (path: string): Readonly<Record<string, number>> =>
  Object.fromEntries(
    read(path)
      .split('\n')
      .map((line) => line.split(' '))
      .filter((pair): pair is [string, string] => pair.length === 2)
      .map(([key, value]) => [key, Number(value)]),
  );

/** The container's groups by controller (v1) or the one group as `unified` (v2). */
export type CgroupPaths = Readonly<Record<string, string>>;

/** Keys by the hierarchy in which each directory lies. */
export const cgroupsByController = (paths: readonly string[], version: 'v1' | 'v2'): CgroupPaths =>
  version === 'v2'
    ? { unified: paths[0] ?? '' }
    : Object.fromEntries(
        paths.flatMap((path) => {
          const hierarchy = path.slice(CGROUP_MOUNT.length + 1).split('/')[0] ?? basename(path);
          return hierarchy.split(',').map((controller) => [controller, path]);
        }),
      );

/** Process IDs in any of the groups. */
export const processesIn = (groups: CgroupPaths): readonly number[] => {
  const path = groups['pids'] ?? groups['devices'] ?? groups['unified'] ?? Object.values(groups)[0];
  if (path === undefined) return [];
  return read(join(path, 'cgroup.procs')).split('\n').filter(Boolean).map(Number);
};

export const isFrozen = (groups: CgroupPaths): boolean =>
  groups['unified'] !== undefined && groups['freezer'] === undefined
    ? read(join(groups['unified'], 'cgroup.freeze')) === '1'
    : ['FROZEN', 'FREEZING'].includes(read(join(groups['freezer'] ?? '', 'freezer.state')));

/** Synchronous: the kernel lets go of what was in a group behind the scenes. */
const removeGroup = async (path: string): Promise<void> => {
  for (let attempt = 0; ; attempt += 1) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || attempt === 50) throw error;
      await delay(attempt < 5 ? 1 : 20);
    }
  }
};

/** Kills what is left in the groups and removes them. */
export const destroyGroups = async (paths: readonly string[], version: 'v1' | 'v2'): Promise<void> => {
  for (const pid of processesIn(cgroupsByController(paths, version))) signalProcess(pid, 'SIGKILL');
  await Promise.all(paths.map(removeGroup));
};

type BlockIo = RuntimeStats['blockIo'];

/** `MAJ:MIN Op bytes` lines of the blkio controller. */
const blockIoV1 = (path: string): BlockIo =>
  read(join(path, 'blkio.throttle.io_service_bytes_recursive'))
    .split('\n')
    .map((line) => /^(\d+):(\d+) (\w+) (\d+)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, major, minor, op, bytes]) => ({
      major: Number(major),
      minor: Number(minor),
      op: (op ?? '').toLowerCase(),
      bytes: Number(bytes),
    }));

/** `MAJ:MIN rbytes=N wbytes=N …` lines of io.stat. */
const blockIoV2 = (path: string): BlockIo =>
  read(join(path, 'io.stat'))
    .split('\n')
    .flatMap((line) => {
      const [device = '', ...fields] = line.split(' ');
      const [major, minor] = device.split(':').map(Number);
      const values = Object.fromEntries(fields.map((field) => field.split('=')));
      if (major === undefined || minor === undefined) return [];
      return [
        { major, minor, op: 'read', bytes: Number(values['rbytes'] ?? 0) },
        { major, minor, op: 'write', bytes: Number(values['wbytes'] ?? 0) },
      ];
    });

const limitIn = (path: string): number | undefined => {
  const text = read(path);
  return text === '' || text === 'max' || Number(text) >= UNLIMITED_FROM ? undefined : Number(text);
};

const statsV1 = (groups: CgroupPaths): Omit<RuntimeStats, 'readAt'> => {
  const of = (controller: string, file: string): string => join(groups[controller] ?? '/nonexistent', file);
  const ticks = tableIn(of('cpuacct', 'cpuacct.stat'));
  const throttle = tableIn(of('cpu', 'cpu.stat'));
  return {
    cpu: {
      totalNs: numberIn(of('cpuacct', 'cpuacct.usage')),
      userNs: (ticks['user'] ?? 0) * NS_PER_TICK,
      systemNs: (ticks['system'] ?? 0) * NS_PER_TICK,
      throttledNs: throttle['throttled_time'] ?? 0,
      throttledPeriods: throttle['nr_throttled'] ?? 0,
      periods: throttle['nr_periods'] ?? 0,
    },
    memory: {
      usageBytes: numberIn(of('memory', 'memory.usage_in_bytes')),
      limitBytes: limitIn(of('memory', 'memory.limit_in_bytes')),
      stats: tableIn(of('memory', 'memory.stat')),
    },
    pids: { current: numberIn(of('pids', 'pids.current')), limit: limitIn(of('pids', 'pids.max')) },
    blockIo: blockIoV1(groups['blkio'] ?? '/nonexistent'),
  };
};

const statsV2 = (path: string): Omit<RuntimeStats, 'readAt'> => {
  const cpu = tableIn(join(path, 'cpu.stat'));
  return {
    cpu: {
      totalNs: (cpu['usage_usec'] ?? 0) * NS_PER_US,
      userNs: (cpu['user_usec'] ?? 0) * NS_PER_US,
      systemNs: (cpu['system_usec'] ?? 0) * NS_PER_US,
      throttledNs: (cpu['throttled_usec'] ?? 0) * NS_PER_US,
      throttledPeriods: cpu['nr_throttled'] ?? 0,
      periods: cpu['nr_periods'] ?? 0,
    },
    memory: {
      usageBytes: numberIn(join(path, 'memory.current')),
      limitBytes: limitIn(join(path, 'memory.max')),
      stats: tableIn(join(path, 'memory.stat')),
    },
    pids: { current: numberIn(join(path, 'pids.current')), limit: limitIn(join(path, 'pids.max')) },
    blockIo: blockIoV2(path),
  };
};

/** What the container used since it began; zero where a controller is not there. */
export const statsOf = (groups: CgroupPaths): RuntimeStats => ({
  readAt: new Date(),
  ...(groups['cpuacct'] === undefined && groups['unified'] !== undefined
    ? statsV2(groups['unified'])
    : statsV1(groups)),
});

/** Processes of a group that the kernel ended for memory: `memory.oom_control` of version 1, `memory.events` of 2. */
export const oomKills = (group: string | undefined): number => {
  if (group === undefined) return 0;
  for (const file of ['memory.oom_control', 'memory.events']) {
    try {
      const count = /^oom_kill (\d+)$/m.exec(readFileSync(join(group, file)).toString())?.[1];
      if (count !== undefined) return Number(count);
    } catch {
      // The other version's, or the group is gone.
    }
  }
  return 0;
};
