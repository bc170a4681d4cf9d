import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import type { Place } from '#dockerfile';
import type { MountInput } from '#runtime';
import { locate, partsOf } from '#sources';
import { lutimesNs } from '#sys';
import { fsPath } from '#tar';
import { stepsErrors } from './errors.ts';

/** Places that something is mounted at while a step runs. */
export interface MountPoints {
  /** After the step: the absolute paths that are only there because something was mounted. */
  traces(): readonly string[];
}

type PointKind = 'directory' | 'tmpfs' | 'file';

interface Wanted {
  readonly target: string;
  readonly kind: PointKind;
}

interface Point {
  /** Where the mount lies, links followed. */
  readonly path: string;
  /** Number of its names that were there before. */
  readonly existing: number;
  readonly kind: PointKind;
}

/** What is inside a directory; nothing where there is none. */
const namesIn = (path: string): readonly string[] => {
  const stats = lstatSync(fsPath(path), { throwIfNoEntry: false });
  return stats?.isDirectory() === true ? readdirSync(fsPath(path)) : [];
};

const prefix = (path: string, length: number): string => partsOf(path).slice(0, length).join('/');

/** Places of the runtime's own mounts: nothing there belongs to a layer. */
const RUNTIME_POINTS: readonly Wanted[] = ['/dev', '/proc', '/sys'].map((target) => ({
  target,
  kind: 'directory',
}));

const isBelow = (path: string, directory: string): boolean => path.startsWith(`${directory}/`);

/** Whether a target lies in what the kernel shows. */
const isInKernel = ({ target }: Wanted): boolean => isBelow(target, '/proc') || isBelow(target, '/sys');

const wantedBy = (mounts: readonly MountInput[]): readonly Wanted[] => [
  ...RUNTIME_POINTS,
  ...mounts.map((mount): Wanted => {
    if (mount.kind === 'tmpfs') return { target: mount.target, kind: 'tmpfs' };
    return { target: mount.target, kind: statSync(mount.source).isDirectory() ? 'directory' : 'file' };
  }),
];

/** Refuses a target where the kernel would refuse it too, in words that name the Dockerfile. */
const checkPoint = (root: string, { target, kind }: Wanted, place: Place): void => {
  const refuse = (reason: string): never => {
    throw stepsErrors.badInstruction({ problem: `nothing can be mounted at ${target}: ${reason}`, ...place });
  };
  if (isInKernel({ target, kind })) refuse('the kernel keeps this directory');
  const { stats, existing } = locate(root, target);
  const isDirectory = stats?.isDirectory();
  if (isDirectory === true && kind === 'file') refuse('it is a directory, and what is mounted is a file');
  if (isDirectory === false && kind !== 'file') refuse('it is a file, and what is mounted is a directory');
  if (stats === undefined && locate(root, existing).stats?.isDirectory() === false)
    refuse(`/${existing} is a file`);
};

/** Makes what is missing of one mount point, and gives its parent the time back that it had. */
const make = (root: string, { path, existing, kind }: Point): void => {
  const parts = partsOf(path);
  if (existing >= parts.length) return;
  const parent = fsPath([root, ...parts.slice(0, existing)].join('/'));
  const { atimeNs, mtimeNs } = lstatSync(parent, { bigint: true });
  for (let length = existing + 1; length <= parts.length; length += 1) {
    const made = fsPath(`${root}/${prefix(path, length)}`);
    if (length < parts.length || kind !== 'file') mkdirSync(made, { mode: 0o755 });
    else writeFileSync(made, '', { flag: 'wx', mode: 0o644 });
  }
  // The runtime gives a tmpfs the mode of what it hides; its own is that of /tmp.
  if (kind === 'tmpfs') chmodSync(fsPath(`${root}/${path}`), 0o1777);
  lutimesNs(parent, atimeNs, mtimeNs);
};

/**
 * Makes the mount points that are missing in a step's root before the runtime does, so that no directory's time tells
 * of it. Nothing may change the root meanwhile. What lies inside another mount is the runtime's to make.
 *
 * @throws `STEPS_BAD_INSTRUCTION` for a target where nothing can be mounted
 */
export const createMountPoints = (root: string, mounts: readonly MountInput[], place: Place): MountPoints => {
  const wanted = wantedBy(mounts);
  const outer = wanted.filter(({ target }) => !wanted.some((other) => isBelow(target, other.target)));
  for (const each of wanted) if (outer.includes(each) || isInKernel(each)) checkPoint(root, each, place);
  const points = outer.map(({ target, kind }): Point => {
    const { path, existing } = locate(root, target);
    const point = { path, existing: partsOf(existing).length, kind };
    make(root, point);
    return point;
  });
  const mounted = new Set(points.map((point) => point.path));
  const made = new Set(
    points.flatMap(({ path, existing }) =>
      partsOf(path).flatMap((_, index) => (index < existing ? [] : [prefix(path, index + 1)])),
    ),
  );
  /** Whether a directory was made for mounts and holds nothing but them. */
  const holdsOnlyMounts = (directory: string): boolean =>
    namesIn(`${root}/${directory}`).every((name) => {
      const path = `${directory}/${name}`;
      return mounted.has(path) || (made.has(path) && holdsOnlyMounts(path));
    });
  const traceOf = ({ path, existing }: Point): string => {
    let length = partsOf(path).length;
    while (length - 1 > existing && holdsOnlyMounts(prefix(path, length - 1))) length -= 1;
    return `/${prefix(path, length)}`;
  };
  return { traces: () => points.map(traceOf) };
};
