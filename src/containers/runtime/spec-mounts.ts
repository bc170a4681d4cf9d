import type { RuntimeMount } from './spec-types.ts';
import type { MountInput, SpecInput } from './types.ts';

export const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/** Options of a `tmpfs` mount that exclude each other: the later one wins. */
const OPPOSITES: Readonly<Record<string, string>> = {
  exec: 'noexec',
  noexec: 'exec',
  suid: 'nosuid',
  nosuid: 'suid',
  dev: 'nodev',
  nodev: 'dev',
  rw: 'ro',
  ro: 'rw',
};

const mergeOptions = (defaults: readonly string[], own: readonly string[]): readonly string[] => [
  ...defaults.filter((option) => !own.includes(OPPOSITES[option] ?? '') && !own.includes(option)),
  ...own,
];

const shmMount = (input: SpecInput): RuntimeMount =>
  input.ipc === 'host'
    ? { destination: '/dev/shm', type: 'bind', source: '/dev/shm', options: ['rbind'] }
    : {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'shm',
        options: [
          'nosuid',
          'noexec',
          'nodev',
          'mode=1777',
          `size=${input.shmSizeBytes ?? DEFAULT_SHM_BYTES}`,
        ],
      };

/** One instance for each IPC namespace, so that a container with the machine's namespace sees the machine's queues. */
const MQUEUE_MOUNT: RuntimeMount = {
  destination: '/dev/mqueue',
  type: 'mqueue',
  source: 'mqueue',
  options: ['nosuid', 'noexec', 'nodev'],
};

const defaultMounts = (input: SpecInput): readonly RuntimeMount[] => {
  const mode = input.privileged === true ? 'rw' : 'ro';
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', mode] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: [mode, 'nosuid', 'noexec', 'nodev', 'relatime'],
    },
    MQUEUE_MOUNT,
    shmMount(input),
  ];
};

const toMount = (mount: MountInput): RuntimeMount => {
  if (mount.kind === 'tmpfs') {
    const options = mergeOptions(['nosuid', 'nodev', 'noexec'], mount.options ?? []);
    return { destination: mount.target, type: 'tmpfs', source: 'tmpfs', options };
  }
  const options = [
    mount.recursive === false ? 'bind' : 'rbind',
    mount.propagation ?? 'rprivate',
    mount.readonly === true ? 'ro' : 'rw',
    ...(mount.inert === true ? ['nosuid', 'nodev', 'noexec'] : []),
  ];
  return { destination: mount.target, type: 'bind', source: mount.source, options };
};

const depthOf = (path: string): number => path.split('/').filter((part) => part !== '').length;

const isAtOrBelow = (path: string, parent: string): boolean =>
  path === parent || path.startsWith(`${parent}/`);

/** The mounts of a container: Docker's own ones, less those it replaces, then the wanted ones, parents first. */
export const mountsOf = (input: SpecInput): readonly RuntimeMount[] => {
  const own = (input.mounts ?? [])
    .map(toMount)
    .toSorted((a, b) => depthOf(a.destination) - depthOf(b.destination));
  const kept = defaultMounts(input).filter(
    ({ destination }) => !own.some((mount) => isAtOrBelow(destination, mount.destination)),
  );
  return [...kept, ...own];
};

/** The root's propagation that the wanted binds need; undefined is private. */
export const rootPropagationOf = (input: SpecInput): string | undefined => {
  const kinds = (input.mounts ?? []).map((mount) => (mount.kind === 'bind' ? mount.propagation : undefined));
  if (kinds.some((kind) => kind === 'shared' || kind === 'rshared')) return 'shared';
  return kinds.some((kind) => kind === 'slave' || kind === 'rslave') ? 'rslave' : undefined;
};
