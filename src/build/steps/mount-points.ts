import { lstatSync, readdirSync } from 'node:fs';
import { fsPath } from '#tar';
import { locate, partsOf } from '#sources';

/** Places that something is mounted at while a step runs. */
interface MountPoints {
  /** After the step: the absolute paths that are only there because something was mounted. */
  traces(): readonly string[];
}

interface Point {
  /** Where the mount lies, links followed. */
  readonly path: string;
  /** Number of its names that were there before. */
  readonly existing: number;
}

/** What is inside a directory; nothing where there is none. */
const namesIn = (path: string): readonly string[] => {
  const stats = lstatSync(fsPath(path), { throwIfNoEntry: false });
  return stats?.isDirectory() === true ? readdirSync(fsPath(path)) : [];
};

/** Notes which parts of the mount points exist, before the runtime makes the missing ones. */
export const createMountPoints = (root: string, targets: readonly string[]): MountPoints => {
  const points = targets.map((target): Point => {
    const { path, existing } = locate(root, target);
    return { path, existing: partsOf(existing).length };
  });
  const mounted = new Set(points.map((point) => point.path));
  const prefix = (path: string, length: number): string => partsOf(path).slice(0, length).join('/');
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
