import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, renameSync, rmSync } from 'node:fs';
import { scanTar, type TarEntry } from '#tar';
import { belowAt, NOTHING_BELOW } from './below.ts';
import { makeDirectoryForm } from './directory-form.ts';
import { writeErofsImage } from './erofs-image.ts';
import { buildLayerTree, dependsOnBelow } from './tree.ts';
import type { DirectoryNode } from './tree-types.ts';
import type { BackendName } from './types.ts';

export interface FormRequest {
  readonly backend: BackendName;
  readonly tarPath: string;
  /** Where the form goes; replaced if it exists. */
  readonly target: string;
  /** Merged root of the layers below; absent where there are none. */
  readonly below?: string | undefined;
}

/** The record of a layer must not outlive its files, so the file system is asked to write them back. */
const makeDurableDirectories = (path: string, root: DirectoryNode, tarFd: number): void => {
  makeDirectoryForm(path, root, tarFd);
  execFileSync('sync', ['-f', path]);
};

/** Makes what overlay mounts of a layer from its entries. Atomic: the target is complete or absent. */
export const makeForm = (request: FormRequest, entries: readonly TarEntry[]): void => {
  const below = request.below === undefined ? NOTHING_BELOW : belowAt(request.below);
  const root = buildLayerTree(entries, below);
  const unfinished = `${request.target}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  const tarFd = openSync(request.tarPath, 'r');
  try {
    if (request.backend === 'directories') makeDurableDirectories(unfinished, root, tarFd);
    else writeErofsImage(unfinished, { root, tarFd, tarSize: fstatSync(tarFd).size });
    renameSync(unfinished, request.target);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw error;
  } finally {
    closeSync(tarFd);
  }
};

/** The same from the tar alone. */
export const makeFormFromTar = (request: FormRequest): void => {
  const tarFd = openSync(request.tarPath, 'r');
  try {
    makeForm(request, [...scanTar(tarFd)]);
  } finally {
    closeSync(tarFd);
  }
};

/**
 * Makes the form of a layer that means the same above everything; leaves one that does not for the stack it is mounted
 * in. Returns whether it depends on what is below.
 */
export const makeFormIfAlone = (request: FormRequest, entries: readonly TarEntry[]): boolean => {
  const dependent = dependsOnBelow(entries);
  if (!dependent) makeForm(request, entries);
  return dependent;
};
