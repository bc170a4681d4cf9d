import { closeSync, constants, existsSync, mkdirSync, openSync, rmdirSync } from 'node:fs';
import { isLadeError } from '#errors';
import { errnoOf, mount, mountFileSystem, MS, umount, type MountParameter } from '#sys';
import { layerErrors } from './errors.ts';

/** The kernel's limit (OVL_MAX_STACK). */
export const MAX_LOWERS = 500;
/** fsconfig(2) takes no longer values. */
const MAX_VALUE = 255;

/** Where the kernel keeps what is written. */
export interface WritablePart {
  readonly upper: string;
  readonly work: string;
  /** Nothing of it need survive a crash of the machine: fsync(2) in it and its end wait for no disk. */
  readonly volatile: boolean;
}

export interface OverlayMount {
  /** Bottom first; at least one. */
  readonly lowers: readonly string[];
  /** Absent for a read-only view, which needs two lowers. */
  readonly writable?: WritablePart | undefined;
  readonly target: string;
}

/**
 * Features that would let the content of a layer steer the kernel, or give a root other meaning elsewhere, are off
 * whatever the kernel's defaults are. `xino` makes all files of the root show one device number, as on a plain disk.
 */
const FEATURES: readonly MountParameter[] = [
  ['redirect_dir', 'off'],
  ['metacopy', 'off'],
  ['index', 'off'],
  ['xino', 'on'],
];

const VOLATILE: MountParameter = ['volatile'];

const parametersOf = (request: OverlayMount): MountParameter[] => {
  const { writable } = request;
  const lowers = request.lowers.toReversed().map((path): MountParameter => ['lowerdir+', path]);
  if (writable === undefined) return [...lowers, ...FEATURES];
  const directories: MountParameter[] = [
    ['upperdir', writable.upper],
    ['workdir', writable.work],
  ];
  return [...lowers, ...directories, ...(writable.volatile ? [VOLATILE] : []), ...FEATURES];
};

/** One page of text, with its end. */
const MAX_TEXT = 4095;

/** The folder of this process's descriptors, by the shortest of its names. */
const descriptorFolder = (): string => (existsSync('/dev/fd/0') ? '/dev/fd' : '/proc/self/fd');

const textOf = (request: OverlayMount, short: (path: string) => string): string => {
  const options = [`lowerdir=${request.lowers.toReversed().map(short).join(':')}`];
  const { writable } = request;
  if (writable !== undefined)
    options.push(`upperdir=${short(writable.upper)}`, `workdir=${short(writable.work)}`);
  if (writable?.volatile === true) options.push('volatile');
  for (const [key, value] of FEATURES) options.push(`${key}=${value ?? ''}`);
  return options.join(',');
};

/** Mounts as it is; false when the text does not fit. */
const mountWhole = (request: OverlayMount): boolean => {
  const fds: number[] = [];
  const folder = descriptorFolder();
  const short = (path: string): string => {
    const fd = openSync(path, constants.O_DIRECTORY | constants.O_RDONLY);
    fds.push(fd);
    return `${folder}/${fd}`;
  };
  try {
    const text = textOf(request, short);
    if (text.length > MAX_TEXT) return false;
    mount('overlay', request.target, 'overlay', request.writable === undefined ? MS.RDONLY : 0, text);
    return true;
  } finally {
    for (const fd of fds) closeSync(fd);
  }
};

/**
 * For kernels without `lowerdir+`, and for long paths: mount(2) with short names. About 300 layers fit. Of more, the
 * lower half is mounted on its own and stacked as one; the mount above keeps it, so its place is free again at once. The
 * kernel allows one such step above directories and none above EROFS.
 */
export const mountOverlayByText = (request: OverlayMount): void => {
  if (mountWhole(request)) return;
  const half = Math.ceil(request.lowers.length / 2);
  const inner = `${request.target}.lower`;
  mkdirSync(inner);
  try {
    mountOverlayByText({ lowers: request.lowers.slice(0, half), target: inner });
    try {
      mountOverlayByText({ ...request, lowers: [inner, ...request.lowers.slice(half)] });
    } finally {
      umount(inner, { detach: true });
    }
  } finally {
    rmdirSync(inner);
  }
};

const fitsConfiguration = (request: OverlayMount): boolean =>
  [...request.lowers, request.writable?.upper ?? '', request.writable?.work ?? ''].every(
    (path) => Buffer.byteLength(path) <= MAX_VALUE,
  );

const lacksAppending = (error: unknown): boolean =>
  isLadeError(error) &&
  (errnoOf(error) === 'EINVAL' || errnoOf(error) === 'ENOSYS') &&
  /lowerdir\+|ENOSYS/.test(error.message);

/** Mounts layers as one root. Takes 0.3 to 5 ms by the number of lowers. */
export const mountOverlay = (request: OverlayMount): void => {
  const { lowers, target } = request;
  if (lowers.length > MAX_LOWERS) throw layerErrors.tooManyLayers({ count: lowers.length });
  if (!fitsConfiguration(request)) {
    mountOverlayByText(request);
    return;
  }
  try {
    const readonly = request.writable === undefined;
    mountFileSystem({ type: 'overlay', target, parameters: parametersOf(request), readonly });
  } catch (error) {
    if (!lacksAppending(error)) throw error;
    mountOverlayByText(request);
  }
};
