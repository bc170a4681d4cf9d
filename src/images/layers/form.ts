import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { scanTar, type TarEntry } from '#tar';
import { belowAt, NOTHING_BELOW } from './below.ts';
import { makeDirectoryForm } from './directory-form.ts';
import { openEntryBudget } from './entry-budget.ts';
import { writeErofsImage } from './erofs-image.ts';
import { buildLayerTree, buildTreeAlone } from './tree.ts';
import type { DirectoryNode } from './tree-types.ts';
import type { BackendName } from './types.ts';

export interface FormRequest {
  readonly backend: BackendName;
  readonly tarPath: string;
  /** Where the form goes; replaced if it exists. */
  readonly target: string;
  /** Merged root of the layers below; absent where there are none. */
  readonly below?: string | undefined;
  /** Write it back before it gets its name; otherwise the caller does so before recording it. */
  readonly durable?: boolean | undefined;
}

const syncForm = (backend: BackendName, path: string): void => {
  if (backend === 'directories') {
    execFileSync('sync', ['-f', path]);
    return;
  }
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};

/** Makes what overlay mounts of a layer from its tree. Atomic: the target is complete or absent. */
const makeFormOf = (request: FormRequest, root: DirectoryNode): void => {
  const unfinished = `${request.target}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  const tarFd = openSync(request.tarPath, 'r');
  try {
    if (request.backend === 'directories') makeDirectoryForm(unfinished, root, tarFd);
    else writeErofsImage(unfinished, { root, tarFd, tarSize: fstatSync(tarFd).size });
    if (request.durable === true) syncForm(request.backend, unfinished);
    renameSync(unfinished, request.target);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw error;
  } finally {
    closeSync(tarFd);
  }
};

/** Makes what overlay mounts of a layer from its entries. */
export const makeForm = (request: FormRequest, entries: readonly TarEntry[]): void => {
  const below = request.below === undefined ? NOTHING_BELOW : belowAt(request.below);
  makeFormOf(request, buildLayerTree(entries, below));
};

/** The same from the tar alone. */
export const makeFormFromTar = (request: FormRequest): void => {
  const tarFd = openSync(request.tarPath, 'r');
  try {
    using budget = openEntryBudget();
    const entries: TarEntry[] = [];
    for (const entry of scanTar(tarFd)) {
      budget.take(entry);
      entries.push(entry);
    }
    makeForm({ ...request, durable: true }, entries);
  } finally {
    closeSync(tarFd);
  }
};

/**
 * Makes the form of a layer that means the same above everything; leaves one that does not for the stack it is mounted
 * in. Returns whether it depends on what is below. Empties `entries`, for the sake of memory: what may be done again
 * after a failure is only what `attempt` is given.
 */
export const makeFormIfAlone = (
  request: FormRequest,
  entries: TarEntry[],
  attempt: (make: () => void) => void = (make) => make(),
): boolean => {
  const root = buildTreeAlone(entries);
  entries.length = 0;
  if (root !== undefined) attempt(() => makeFormOf(request, root));
  return root === undefined;
};
