import { lstatSync, readdirSync } from 'node:fs';
import { fsPath } from '#tar';
import { locate, partsOf } from './resolve-in-root.ts';

/** Places that something is mounted at while a step runs. */
export interface MountPoints {
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

/** The highest directory that was made for the mount and holds nothing else; the mount point itself otherwise. */
const traceOf = (root: string, { path, existing }: Point): string => {
  const parts = partsOf(path);
  let top = parts.length;
  while (top - 1 > existing) {
    const parent = parts.slice(0, top - 1).join('/');
    if (namesIn(`${root}/${parent}`).some((name) => name !== parts[top - 1])) break;
    top -= 1;
  }
  return `/${parts.slice(0, top).join('/')}`;
};

/** Notes which parts of the mount points exist, before the runtime makes the missing ones. */
export const createMountPoints = (root: string, targets: readonly string[]): MountPoints => {
  const points = targets.map((target): Point => {
    const { path, existing } = locate(root, target);
    return { path, existing: partsOf(existing).length };
  });
  return { traces: () => points.map((point) => traceOf(root, point)) };
};
